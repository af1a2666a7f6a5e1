/* Every address of the API, who may ask it, and how often. openapi.yaml says the same; a test
 * compares the two. */
#include "routes/entry.h"
#include "routes/resources.h"

/* clang-format off */
const struct route routes[] = {
    { { METHOD_GET, "/health/live" },  ANYONE, UNLIMITED, NO_BODY, false, get_health_live },
    { { METHOD_GET, "/health/ready" }, ANYONE, UNLIMITED, NO_BODY, false, get_health_ready },
    { { METHOD_GET, "/metrics" },      ANYONE, UNLIMITED, NO_BODY, false, get_metrics },

    { { METHOD_GET, "/api/v1/openapi.json" }, ANYONE, BY_IP, NO_BODY, false, get_openapi },
    { { METHOD_GET, "/docs" },                ANYONE, BY_IP, NO_BODY, false, get_docs },
    { { METHOD_GET, "/problems/{code}" },     ANYONE, BY_IP, NO_BODY, false, get_problem },

    { { METHOD_POST,   "/api/v1/auth/setup" },     ANYONE,    BY_LOGIN,   AUTH_BODY, true,  post_auth_setup },
    { { METHOD_POST,   "/api/v1/auth/login" },     ANYONE,    BY_LOGIN,   AUTH_BODY, true,  post_auth_login },
    { { METHOD_POST,   "/api/v1/auth/refresh" },   ANYONE,    BY_DEFAULT, NO_BODY,   true,  post_auth_refresh },
    { { METHOD_POST,   "/api/v1/auth/logout" },    ANYONE,    BY_DEFAULT, NO_BODY,   true,  post_auth_logout },
    { { METHOD_PUT,    "/api/v1/auth/password" },  SIGNED_IN, BY_LOGIN,   AUTH_BODY, false, put_auth_password },
    { { METHOD_GET,    "/api/v1/auth/me" },        SIGNED_IN, BY_IP,      NO_BODY,   false, get_auth_me },
    { { METHOD_GET,    "/api/v1/auth/keys" },      SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_keys },
    { { METHOD_POST,   "/api/v1/auth/keys" },      SIGNED_IN, BY_DEFAULT, JSON_BODY, false, post_key },
    { { METHOD_DELETE, "/api/v1/auth/keys/{id}" }, SIGNED_IN, BY_DEFAULT, NO_BODY,   false, delete_key },

    { { METHOD_GET,    "/api/v1/users" },      INSTALLER, BY_DEFAULT, NO_BODY,   false, get_users },
    { { METHOD_POST,   "/api/v1/users" },      INSTALLER, BY_DEFAULT, JSON_BODY, false, post_user },
    { { METHOD_GET,    "/api/v1/users/{id}" }, INSTALLER, BY_DEFAULT, NO_BODY,   false, get_user },
    { { METHOD_PATCH,  "/api/v1/users/{id}" }, INSTALLER, BY_DEFAULT, JSON_BODY, false, patch_user },
    { { METHOD_DELETE, "/api/v1/users/{id}" }, INSTALLER, BY_DEFAULT, NO_BODY,   false, delete_user },

    { { METHOD_GET,    "/api/v1/workspaces" },                        SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_workspaces },
    { { METHOD_POST,   "/api/v1/workspaces" },                        INSTALLER, BY_DEFAULT, JSON_BODY, false, post_workspace },
    { { METHOD_GET,    "/api/v1/workspaces/{id}" },                   SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_workspace },
    { { METHOD_PATCH,  "/api/v1/workspaces/{id}" },                   SIGNED_IN, BY_DEFAULT, JSON_BODY, false, patch_workspace },
    { { METHOD_DELETE, "/api/v1/workspaces/{id}" },                   SIGNED_IN, BY_DEFAULT, NO_BODY,   false, delete_workspace },
    { { METHOD_GET,    "/api/v1/workspaces/{id}/members" },           SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_members },
    { { METHOD_PUT,    "/api/v1/workspaces/{id}/members/{user_id}" }, SIGNED_IN, BY_DEFAULT, JSON_BODY, false, put_member },
    { { METHOD_DELETE, "/api/v1/workspaces/{id}/members/{user_id}" }, SIGNED_IN, BY_DEFAULT, NO_BODY,   false, delete_member },
    { { METHOD_GET,    "/api/v1/workspaces/{id}/invitations" },       SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_invitations },
    { { METHOD_POST,   "/api/v1/workspaces/{id}/invitations" },       SIGNED_IN, BY_DEFAULT, JSON_BODY, false, post_invitation },
    { { METHOD_DELETE, "/api/v1/workspaces/{id}/invitations/{invitation_id}" }, SIGNED_IN, BY_DEFAULT, NO_BODY, false, delete_invitation },
    { { METHOD_POST,   "/api/v1/invitations/accept" },                SIGNED_IN, BY_DEFAULT, JSON_BODY, false, post_invitation_accept },

    { { METHOD_GET,    "/api/v1/credentials/{provider}" }, SIGNED_IN, BY_SETTINGS, NO_BODY,   false, get_credential },
    { { METHOD_PUT,    "/api/v1/credentials/{provider}" }, MANAGER,   BY_SETTINGS, JSON_BODY, false, put_credential },
    { { METHOD_DELETE, "/api/v1/credentials/{provider}" }, MANAGER,   BY_SETTINGS, NO_BODY,   false, delete_credential },

    { { METHOD_GET, "/api/v1/vapi/settings" },       SIGNED_IN, BY_SETTINGS, NO_BODY,   false, get_settings },
    { { METHOD_GET, "/api/v1/vapi/settings/{key}" }, SIGNED_IN, BY_SETTINGS, NO_BODY,   false, get_setting },
    { { METHOD_PUT, "/api/v1/vapi/settings/{key}" }, MANAGER,   BY_SETTINGS, JSON_BODY, false, put_setting },

    { { METHOD_GET,    "/api/v1/assistants" },                                SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_assistants },
    { { METHOD_POST,   "/api/v1/assistants" },                                MANAGER,   BY_DEFAULT, JSON_BODY, false, post_assistant },
    { { METHOD_POST,   "/api/v1/assistants/import" },                         MANAGER,   BY_DEFAULT, JSON_BODY, false, post_assistants_import },
    { { METHOD_GET,    "/api/v1/assistants/{id}" },                           SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_assistant },
    { { METHOD_PATCH,  "/api/v1/assistants/{id}" },                           MANAGER,   BY_DEFAULT, JSON_BODY, false, patch_assistant },
    { { METHOD_DELETE, "/api/v1/assistants/{id}" },                           MANAGER,   BY_DEFAULT, NO_BODY,   false, delete_assistant },
    { { METHOD_GET,    "/api/v1/assistants/{id}/history" },                   SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_assistant_history },
    { { METHOD_GET,    "/api/v1/assistants/{id}/history/{version}" },         SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_assistant_version },
    { { METHOD_POST,   "/api/v1/assistants/{id}/history/{version}/restore" }, MANAGER,   BY_DEFAULT, NO_BODY,   false, post_assistant_restore },

    { { METHOD_GET,  "/api/v1/calls" },           SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_calls },
    { { METHOD_POST, "/api/v1/calls" },           SIGNED_IN, BY_DEFAULT, JSON_BODY, false, post_call },
    { { METHOD_GET,  "/api/v1/calls/{id}" },      SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_call },
    { { METHOD_GET,  "/api/v1/calls/{id}/timeline" }, SIGNED_IN, BY_DEFAULT, NO_BODY, false, get_call_timeline },
    { { METHOD_POST, "/api/v1/calls/{id}/end" },  SIGNED_IN, BY_DEFAULT, NO_BODY,   false, post_call_end },
    { { METHOD_POST, "/api/v1/twilio/calls" },    SIGNED_IN, BY_SETTINGS, JSON_BODY, false, post_twilio_call },
    { { METHOD_POST, "/api/v1/twilio/messages" }, SIGNED_IN, BY_SETTINGS, JSON_BODY, false, post_message },
    { { METHOD_GET,  "/api/v1/messages" },        SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_messages },
    { { METHOD_GET,  "/api/v1/messages/{id}" },   SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_message },
    { { METHOD_GET,  "/api/v1/operations/{id}" }, SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_operation },
    { { METHOD_GET,  "/api/v1/stream" },          SIGNED_IN, BY_IP,      NO_BODY,   false, get_stream },

    { { METHOD_GET,    "/api/v1/twilio/numbers" },             SIGNED_IN, BY_SETTINGS, NO_BODY,   false, get_numbers },
    { { METHOD_POST,   "/api/v1/twilio/numbers" },             MANAGER,   BY_SETTINGS, JSON_BODY, false, post_number },
    { { METHOD_GET,    "/api/v1/twilio/numbers/available" },   SIGNED_IN, BY_SETTINGS, NO_BODY,   false, get_numbers_available },
    { { METHOD_POST,   "/api/v1/twilio/numbers/import" },      MANAGER,   BY_SETTINGS, JSON_BODY, false, post_numbers_import },
    { { METHOD_DELETE, "/api/v1/twilio/numbers/{id}" },        MANAGER,   BY_SETTINGS, NO_BODY,   false, delete_number },
    { { METHOD_GET,    "/api/v1/twilio/numbers/{id}/limits" }, SIGNED_IN, BY_DEFAULT,  NO_BODY,   false, get_number_limits },
    { { METHOD_PUT,    "/api/v1/twilio/numbers/{id}/limits" }, MANAGER,   BY_DEFAULT,  JSON_BODY, false, put_number_limits },

    { { METHOD_GET, "/api/v1/recordings" },            SIGNED_IN, BY_SETTINGS, NO_BODY, false, get_recordings },
    { { METHOD_GET, "/api/v1/recordings/{id}/audio" }, SIGNED_IN, BY_SETTINGS, NO_BODY, false, get_recording_audio },
    { { METHOD_GET, "/recordings/{token}" },           ANYONE,    BY_IP,       NO_BODY, false, get_recording },

    { { METHOD_GET,  "/api/v1/integrations" },                           SIGNED_IN, BY_SETTINGS, NO_BODY, false, get_integrations },
    { { METHOD_GET,  "/api/v1/webhooks/endpoints" },                     MANAGER,   BY_DEFAULT,  NO_BODY, false, get_endpoints },
    { { METHOD_POST, "/api/v1/webhooks/endpoints/{provider}/rotate" },   MANAGER,   BY_DEFAULT,  NO_BODY, false, post_endpoint_rotate },
    { { METHOD_DELETE, "/api/v1/webhooks/endpoints/{provider}/former" }, MANAGER, BY_DEFAULT, NO_BODY, false, delete_endpoint_former },
    { { METHOD_POST, "/api/v1/webhooks/endpoints/{provider}/setup" },    MANAGER,   BY_SETTINGS, JSON_BODY, false, post_endpoint_setup },
    { { METHOD_GET,  "/api/v1/events" },                                 SIGNED_IN, BY_DEFAULT,  NO_BODY, false, get_events },
    { { METHOD_GET,  "/api/v1/events/{id}" },                            SIGNED_IN, BY_DEFAULT,  NO_BODY, false, get_event },
    { { METHOD_POST, "/api/v1/events/{id}/replay" },                     MANAGER,   BY_DEFAULT,  NO_BODY, false, post_event_replay },
    { { METHOD_POST, "/api/v1/events/replay" },                          MANAGER,   BY_DEFAULT,  JSON_BODY, false, post_events_replay },
    { { METHOD_GET,  "/api/v1/analytics/calls" },                        SIGNED_IN, BY_DEFAULT,  NO_BODY, false, get_analytics_calls },
    { { METHOD_GET,  "/api/v1/limits" },                                 SIGNED_IN, BY_DEFAULT,  NO_BODY, false, get_limits },
    { { METHOD_PUT,  "/api/v1/limits" },                                 MANAGER,   BY_DEFAULT,  JSON_BODY, false, put_limits },
    { { METHOD_GET,  "/api/v1/fallback" },                               SIGNED_IN, BY_DEFAULT,  NO_BODY, false, get_fallback },
    { { METHOD_PUT,  "/api/v1/fallback" },                               MANAGER,   BY_DEFAULT,  JSON_BODY, false, put_fallback },
    { { METHOD_GET,  "/api/v1/audit" },                                  MANAGER,   BY_DEFAULT,  NO_BODY, false, get_audit },

    { { METHOD_GET,    "/api/v1/destinations" },                 SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_destinations },
    { { METHOD_POST,   "/api/v1/destinations" },                 MANAGER,   BY_DEFAULT, JSON_BODY, false, post_destination },
    { { METHOD_GET,    "/api/v1/destinations/{id}" },            SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_destination },
    { { METHOD_PATCH,  "/api/v1/destinations/{id}" },            MANAGER,   BY_DEFAULT, JSON_BODY, false, patch_destination },
    { { METHOD_DELETE, "/api/v1/destinations/{id}" },            MANAGER,   BY_DEFAULT, NO_BODY,   false, delete_destination },
    { { METHOD_POST,   "/api/v1/destinations/{id}/rotate" },     MANAGER,   BY_DEFAULT, NO_BODY,   false, post_destination_rotate },
    { { METHOD_POST,   "/api/v1/destinations/{id}/test" },       MANAGER,   BY_DEFAULT, NO_BODY,   false, post_destination_test },
    { { METHOD_POST,   "/api/v1/destinations/{id}/recover" },    MANAGER,   BY_DEFAULT, JSON_BODY, false, post_destination_recover },
    { { METHOD_GET,    "/api/v1/destinations/{id}/deliveries" }, SIGNED_IN, BY_DEFAULT, NO_BODY,   false, get_deliveries },
    { { METHOD_POST,   "/api/v1/destinations/{id}/deliveries/{delivery_id}/resend" }, MANAGER, BY_DEFAULT, NO_BODY, false, post_delivery_resend },

    { { METHOD_POST, "/webhooks/twilio/{token}/voice" },          ANYONE, BY_WEBHOOK, WEBHOOK_BODY, false, post_twilio_voice },
    { { METHOD_POST, "/webhooks/twilio/{token}/status" },         ANYONE, BY_WEBHOOK, WEBHOOK_BODY, false, post_twilio_status },
    { { METHOD_POST, "/webhooks/twilio/{token}/message" },        ANYONE, BY_WEBHOOK, WEBHOOK_BODY, false, post_twilio_message },
    { { METHOD_POST, "/webhooks/twilio/{token}/message-status" }, ANYONE, BY_WEBHOOK, WEBHOOK_BODY, false, post_twilio_message_status },
    { { METHOD_POST, "/webhooks/vapi/{token}" },                  ANYONE, BY_WEBHOOK, REPORT_BODY,  false, post_vapi },
};
/* clang-format on */

const size_t routes_count = sizeof routes / sizeof routes[0];
