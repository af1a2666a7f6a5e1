#include "providers/microsoft_dialect.h"

#include "config/config.h"
#include "providers/microsoft.h"
#include "providers/oauth.h"

static const char *base_url(const struct config *config) {
    return config->microsoft_api_base_url;
}

static void platform(const struct config *config, struct dialect_platform *out) {
    *out = (struct dialect_platform){ .key = &config->microsoft_client_secret,
                                      .account = { .client_id = config->microsoft_client_id } };
}

static const char *authorize_url(const struct config *config) {
    return config->microsoft_oauth_authorize_url;
}

static const char *token_url(const struct config *config) {
    return config->microsoft_oauth_token_url;
}

static const char *const READ[] = { "https://graph.microsoft.com/Calendars.Read", "offline_access",
                                    NULL };
static const char *const WRITE[] = { "https://graph.microsoft.com/Calendars.ReadWrite",
                                     "offline_access", NULL };
static const char *const ENOUGH_READ[] = { "https://graph.microsoft.com/Calendars.Read",
                                           "https://graph.microsoft.com/Calendars.ReadWrite",
                                           NULL };
static const char *const ENOUGH_WRITE[] = { "https://graph.microsoft.com/Calendars.ReadWrite",
                                            NULL };
static const char *const SILENT[] = { "offline_access", NULL };

/* learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow. There is no address to revoke a token: a
 * grant is taken back by the account's own pages. */
static const struct oauth_provider OAUTH = {
    .authorize_url = authorize_url,
    .token_url = token_url,
    .extra = "&response_mode=query&prompt=select_account",
    .scopes = { READ, WRITE },
    .needed = { ENOUGH_READ, ENOUGH_WRITE },
    .silent = SILENT,
};

const struct dialect MICROSOFT_DIALECT = {
    .base_url = base_url,
    .judge = microsoft_judge,
    .key_field = "client_secret",
    .platform = platform,
    .oauth = &OAUTH,
    .calendar = &MICROSOFT_CALENDAR,
};
