#include "providers/google_dialect.h"

#include "config/config.h"
#include "providers/google.h"
#include "providers/oauth.h"

static const char *base_url(const struct config *config) {
    return config->google_api_base_url;
}

static void platform(const struct config *config, struct dialect_platform *out) {
    *out = (struct dialect_platform){ .key = &config->google_client_secret,
                                      .account = { .client_id = config->google_client_id } };
}

static const char *authorize_url(const struct config *config) {
    return config->google_oauth_authorize_url;
}

static const char *token_url(const struct config *config) {
    return config->google_oauth_token_url;
}

static const char *revoke_url(const struct config *config) {
    return config->google_oauth_revoke_url;
}

#define SCOPE(name) "https://www.googleapis.com/auth/calendar." name

static const char *const READ[] = { SCOPE("events.readonly"), SCOPE("calendarlist.readonly"),
                                    SCOPE("freebusy"), NULL };
static const char *const ENOUGH_READ[] = { SCOPE("events.readonly"), SCOPE("events"),
                                           SCOPE("readonly"),
                                           "https://www.googleapis.com/auth/calendar", NULL };
static const char *const ENOUGH_WRITE[] = { SCOPE("events"),
                                            "https://www.googleapis.com/auth/calendar", NULL };
static const char *const WRITE[] = { SCOPE("events"), SCOPE("calendarlist.readonly"),
                                     SCOPE("freebusy"), NULL };

/* developers.google.com/identity/protocols/oauth2/web-server: without access_type and prompt there is no refresh
 * token from the second consent on. */
static const struct oauth_provider OAUTH = {
    .authorize_url = authorize_url,
    .token_url = token_url,
    .revoke_url = revoke_url,
    .extra = "&access_type=offline&prompt=consent&include_granted_scopes=true",
    .scopes = { READ, WRITE },
    .needed = { ENOUGH_READ, ENOUGH_WRITE },
};

const struct dialect GOOGLE_DIALECT = {
    .base_url = base_url,
    .judge = google_judge,
    .key_field = "client_secret",
    .platform = platform,
    .oauth = &OAUTH,
    .calendar = &GOOGLE_CALENDAR,
};
