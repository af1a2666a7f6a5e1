/* Every address of the API, who may ask it, and how often. openapi.yaml says the same; a test
 * compares the two. */
#include "routes/entry.h"
#include "routes/resources.h"

/* clang-format off */
const struct route routes[] = {
    { { METHOD_GET, "/health/live" },  ANYONE, UNLIMITED, NO_BODY, false, health_live },
    { { METHOD_GET, "/health/ready" }, ANYONE, UNLIMITED, NO_BODY, false, health_ready },
    { { METHOD_GET, "/metrics" },      ANYONE, UNLIMITED, NO_BODY, false, health_metrics },

    { { METHOD_GET, "/api/v1/openapi.json" }, ANYONE, BY_IP, NO_BODY, false, contract_openapi },
    { { METHOD_GET, "/docs" },                ANYONE, BY_IP, NO_BODY, false, contract_docs },
    { { METHOD_GET, "/problems/{code}" },     ANYONE, BY_IP, NO_BODY, false, contract_problem },

    { { METHOD_POST,   "/api/v1/auth/setup" },     ANYONE,    BY_LOGIN,   AUTH_BODY, true,  auth_post_setup },
    { { METHOD_POST,   "/api/v1/auth/login" },     ANYONE,    BY_LOGIN,   AUTH_BODY, true,  auth_post_login },
    { { METHOD_POST,   "/api/v1/auth/refresh" },   ANYONE,    BY_DEFAULT, NO_BODY,   true,  auth_post_refresh },
    { { METHOD_POST,   "/api/v1/auth/logout" },    SIGNED_IN, BY_DEFAULT, NO_BODY,   false, auth_post_logout },
    { { METHOD_GET,    "/api/v1/auth/me" },        SIGNED_IN, BY_IP,      NO_BODY,   false, auth_get_me },
    { { METHOD_GET,    "/api/v1/auth/keys" },      SIGNED_IN, BY_DEFAULT, NO_BODY,   false, keys_get },
    { { METHOD_POST,   "/api/v1/auth/keys" },      SIGNED_IN, BY_DEFAULT, JSON_BODY, false, keys_post },
    { { METHOD_DELETE, "/api/v1/auth/keys/{id}" }, SIGNED_IN, BY_DEFAULT, NO_BODY,   false, keys_delete },

    { { METHOD_GET,    "/api/v1/users" },      INSTALLER, BY_DEFAULT, NO_BODY,   false, users_get },
    { { METHOD_POST,   "/api/v1/users" },      INSTALLER, BY_DEFAULT, JSON_BODY, false, users_post },
    { { METHOD_GET,    "/api/v1/users/{id}" }, INSTALLER, BY_DEFAULT, NO_BODY,   false, user_get },
    { { METHOD_PATCH,  "/api/v1/users/{id}" }, INSTALLER, BY_DEFAULT, JSON_BODY, false, user_patch },
    { { METHOD_DELETE, "/api/v1/users/{id}" }, INSTALLER, BY_DEFAULT, NO_BODY,   false, user_remove },

    { { METHOD_GET,    "/api/v1/workspaces" },                        SIGNED_IN, BY_DEFAULT, NO_BODY,   false, workspaces_get },
    { { METHOD_POST,   "/api/v1/workspaces" },                        INSTALLER, BY_DEFAULT, JSON_BODY, false, workspaces_post },
    { { METHOD_GET,    "/api/v1/workspaces/{id}" },                   SIGNED_IN, BY_DEFAULT, NO_BODY,   false, workspace_get },
    { { METHOD_PATCH,  "/api/v1/workspaces/{id}" },                   SIGNED_IN, BY_DEFAULT, JSON_BODY, false, workspace_patch },
    { { METHOD_DELETE, "/api/v1/workspaces/{id}" },                   SIGNED_IN, BY_DEFAULT, NO_BODY,   false, workspace_remove_it },
    { { METHOD_GET,    "/api/v1/workspaces/{id}/members" },           SIGNED_IN, BY_DEFAULT, NO_BODY,   false, members_get },
    { { METHOD_PUT,    "/api/v1/workspaces/{id}/members/{user_id}" }, SIGNED_IN, BY_DEFAULT, JSON_BODY, false, member_put_it },
    { { METHOD_DELETE, "/api/v1/workspaces/{id}/members/{user_id}" }, SIGNED_IN, BY_DEFAULT, NO_BODY,   false, member_remove_it },

    { { METHOD_GET,    "/api/v1/credentials/{provider}" }, SIGNED_IN, BY_SETTINGS, NO_BODY,   false, credential_get },
    { { METHOD_PUT,    "/api/v1/credentials/{provider}" }, MANAGER,   BY_SETTINGS, JSON_BODY, false, credential_put_it },
    { { METHOD_DELETE, "/api/v1/credentials/{provider}" }, MANAGER,   BY_SETTINGS, NO_BODY,   false, credential_remove_it },

    { { METHOD_GET, "/api/v1/vapi/settings" },       SIGNED_IN, BY_SETTINGS, NO_BODY,   false, settings_get },
    { { METHOD_GET, "/api/v1/vapi/settings/{key}" }, SIGNED_IN, BY_SETTINGS, NO_BODY,   false, setting_get },
    { { METHOD_PUT, "/api/v1/vapi/settings/{key}" }, MANAGER,   BY_SETTINGS, JSON_BODY, false, setting_put },

    { { METHOD_GET,    "/api/v1/assistants" },                                SIGNED_IN, BY_DEFAULT, NO_BODY,   false, assistants_get },
    { { METHOD_POST,   "/api/v1/assistants" },                                MANAGER,   BY_DEFAULT, JSON_BODY, false, assistants_post },
    { { METHOD_POST,   "/api/v1/assistants/import" },                         MANAGER,   BY_DEFAULT, JSON_BODY, false, assistants_post_import },
    { { METHOD_GET,    "/api/v1/assistants/{id}" },                           SIGNED_IN, BY_DEFAULT, NO_BODY,   false, assistant_get },
    { { METHOD_PATCH,  "/api/v1/assistants/{id}" },                           MANAGER,   BY_DEFAULT, JSON_BODY, false, assistant_patch_it },
    { { METHOD_DELETE, "/api/v1/assistants/{id}" },                           MANAGER,   BY_DEFAULT, NO_BODY,   false, assistant_remove_it },
    { { METHOD_GET,    "/api/v1/assistants/{id}/history" },                   SIGNED_IN, BY_DEFAULT, NO_BODY,   false, assistant_get_history },
    { { METHOD_GET,    "/api/v1/assistants/{id}/history/{version}" },         SIGNED_IN, BY_DEFAULT, NO_BODY,   false, assistant_get_version },
    { { METHOD_POST,   "/api/v1/assistants/{id}/history/{version}/restore" }, MANAGER,   BY_DEFAULT, NO_BODY,   false, assistant_post_restore },

    { { METHOD_GET,  "/api/v1/calls" },           SIGNED_IN, BY_DEFAULT, NO_BODY,   false, calls_get },
    { { METHOD_POST, "/api/v1/calls" },           SIGNED_IN, BY_DEFAULT, JSON_BODY, false, calls_post },
    { { METHOD_GET,  "/api/v1/calls/{id}" },      SIGNED_IN, BY_DEFAULT, NO_BODY,   false, call_get },
    { { METHOD_GET,  "/api/v1/calls/{id}/timeline" }, SIGNED_IN, BY_DEFAULT, NO_BODY, false, call_get_timeline },
    { { METHOD_POST, "/api/v1/calls/{id}/end" },  SIGNED_IN, BY_DEFAULT, NO_BODY,   false, call_post_end },
    { { METHOD_POST, "/api/v1/twilio/calls" },    SIGNED_IN, BY_SETTINGS, JSON_BODY, false, twilio_calls_post },
    { { METHOD_POST, "/api/v1/twilio/messages" }, SIGNED_IN, BY_SETTINGS, JSON_BODY, false, messages_post },
    { { METHOD_GET,  "/api/v1/messages" },        SIGNED_IN, BY_DEFAULT, NO_BODY,   false, messages_get },
    { { METHOD_GET,  "/api/v1/messages/{id}" },   SIGNED_IN, BY_DEFAULT, NO_BODY,   false, message_get },
    { { METHOD_GET,  "/api/v1/operations/{id}" }, SIGNED_IN, BY_DEFAULT, NO_BODY,   false, operation_get },
    { { METHOD_GET,  "/api/v1/stream" },          SIGNED_IN, BY_IP,      NO_BODY,   false, stream_get },

    { { METHOD_GET,    "/api/v1/twilio/numbers" },             SIGNED_IN, BY_SETTINGS, NO_BODY,   false, numbers_get },
    { { METHOD_POST,   "/api/v1/twilio/numbers" },             MANAGER,   BY_SETTINGS, JSON_BODY, false, numbers_post },
    { { METHOD_GET,    "/api/v1/twilio/numbers/available" },   SIGNED_IN, BY_SETTINGS, NO_BODY,   false, numbers_get_available },
    { { METHOD_POST,   "/api/v1/twilio/numbers/import" },      MANAGER,   BY_SETTINGS, JSON_BODY, false, numbers_post_import },
    { { METHOD_DELETE, "/api/v1/twilio/numbers/{id}" },        MANAGER,   BY_SETTINGS, NO_BODY,   false, number_remove_it },
    { { METHOD_GET,    "/api/v1/twilio/numbers/{id}/limits" }, SIGNED_IN, BY_DEFAULT,  NO_BODY,   false, number_limits_get },
    { { METHOD_PUT,    "/api/v1/twilio/numbers/{id}/limits" }, MANAGER,   BY_DEFAULT,  JSON_BODY, false, number_limits_put_it },

    { { METHOD_GET, "/api/v1/recordings" },            SIGNED_IN, BY_SETTINGS, NO_BODY, false, recordings_get },
    { { METHOD_GET, "/api/v1/recordings/{id}/audio" }, SIGNED_IN, BY_SETTINGS, NO_BODY, false, recording_get_audio },
    { { METHOD_GET, "/recordings/{token}" },           ANYONE,    BY_IP,       NO_BODY, false, recording_hear },

    { { METHOD_GET,  "/api/v1/integrations" },                           SIGNED_IN, BY_SETTINGS, NO_BODY, false, integrations_get },
    { { METHOD_GET,  "/api/v1/webhooks/endpoints" },                     MANAGER,   BY_DEFAULT,  NO_BODY, false, endpoints_get },
    { { METHOD_POST, "/api/v1/webhooks/endpoints/{provider}/rotate" },   MANAGER,   BY_DEFAULT,  NO_BODY, false, endpoint_rotate_it },
    { { METHOD_POST, "/api/v1/webhooks/endpoints/{provider}/setup" },    MANAGER,   BY_SETTINGS, JSON_BODY, false, endpoint_set_up },
    { { METHOD_GET,  "/api/v1/events" },                                 SIGNED_IN, BY_DEFAULT,  NO_BODY, false, events_get },
    { { METHOD_GET,  "/api/v1/events/{id}" },                            SIGNED_IN, BY_DEFAULT,  NO_BODY, false, event_get },
    { { METHOD_POST, "/api/v1/events/{id}/replay" },                     MANAGER,   BY_DEFAULT,  NO_BODY, false, event_replay_it },
    { { METHOD_POST, "/api/v1/events/replay" },                          MANAGER,   BY_DEFAULT,  JSON_BODY, false, events_replay_them },
    { { METHOD_GET,  "/api/v1/analytics/calls" },                        SIGNED_IN, BY_DEFAULT,  NO_BODY, false, analytics_get_calls },
    { { METHOD_GET,  "/api/v1/limits" },                                 SIGNED_IN, BY_DEFAULT,  NO_BODY, false, limits_get },
    { { METHOD_PUT,  "/api/v1/limits" },                                 MANAGER,   BY_DEFAULT,  JSON_BODY, false, limits_put_it },
    { { METHOD_GET,  "/api/v1/fallback" },                               SIGNED_IN, BY_DEFAULT,  NO_BODY, false, fallback_get },
    { { METHOD_PUT,  "/api/v1/fallback" },                               MANAGER,   BY_DEFAULT,  JSON_BODY, false, fallback_put_it },
    { { METHOD_GET,  "/api/v1/audit" },                                  MANAGER,   BY_DEFAULT,  NO_BODY, false, audit_get },

    { { METHOD_GET,    "/api/v1/destinations" },                 SIGNED_IN, BY_DEFAULT, NO_BODY,   false, destinations_get },
    { { METHOD_POST,   "/api/v1/destinations" },                 MANAGER,   BY_DEFAULT, JSON_BODY, false, destinations_post },
    { { METHOD_GET,    "/api/v1/destinations/{id}" },            SIGNED_IN, BY_DEFAULT, NO_BODY,   false, destination_get },
    { { METHOD_PATCH,  "/api/v1/destinations/{id}" },            MANAGER,   BY_DEFAULT, JSON_BODY, false, destination_patch },
    { { METHOD_DELETE, "/api/v1/destinations/{id}" },            MANAGER,   BY_DEFAULT, NO_BODY,   false, destination_remove_it },
    { { METHOD_POST,   "/api/v1/destinations/{id}/rotate" },     MANAGER,   BY_DEFAULT, NO_BODY,   false, destination_rotate_it },
    { { METHOD_POST,   "/api/v1/destinations/{id}/test" },       MANAGER,   BY_DEFAULT, NO_BODY,   false, destination_test_it },
    { { METHOD_POST,   "/api/v1/destinations/{id}/recover" },    MANAGER,   BY_DEFAULT, JSON_BODY, false, destination_recover_it },
    { { METHOD_GET,    "/api/v1/destinations/{id}/deliveries" }, SIGNED_IN, BY_DEFAULT, NO_BODY,   false, deliveries_get },
    { { METHOD_POST,   "/api/v1/destinations/{id}/deliveries/{delivery_id}/resend" }, MANAGER, BY_DEFAULT, NO_BODY, false, delivery_resend_it },

    { { METHOD_POST, "/webhooks/twilio/{token}/voice" },          ANYONE, BY_WEBHOOK, WEBHOOK_BODY, false, hook_twilio_voice },
    { { METHOD_POST, "/webhooks/twilio/{token}/status" },         ANYONE, BY_WEBHOOK, WEBHOOK_BODY, false, hook_twilio_status },
    { { METHOD_POST, "/webhooks/twilio/{token}/message" },        ANYONE, BY_WEBHOOK, WEBHOOK_BODY, false, hook_twilio_message },
    { { METHOD_POST, "/webhooks/twilio/{token}/message-status" }, ANYONE, BY_WEBHOOK, WEBHOOK_BODY, false, hook_twilio_message_status },
    { { METHOD_POST, "/webhooks/vapi/{token}" },                  ANYONE, BY_WEBHOOK, WEBHOOK_BODY, false, hook_vapi },
};
/* clang-format on */

const size_t routes_count = sizeof routes / sizeof routes[0];
