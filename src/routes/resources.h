/* resources: the handlers of routes/table.c, one file per resource. */
#pragma once

#include "routes/entry.h"

enum err health_live(struct ctx *ctx, struct call *call);
enum err health_ready(struct ctx *ctx, struct call *call);
enum err health_metrics(struct ctx *ctx, struct call *call);

enum err contract_openapi(struct ctx *ctx, struct call *call);
enum err contract_docs(struct ctx *ctx, struct call *call);
enum err contract_problem(struct ctx *ctx, struct call *call);

enum err auth_post_setup(struct ctx *ctx, struct call *call);
enum err auth_post_login(struct ctx *ctx, struct call *call);
enum err auth_post_refresh(struct ctx *ctx, struct call *call);
enum err auth_post_logout(struct ctx *ctx, struct call *call);
enum err auth_get_me(struct ctx *ctx, struct call *call);

enum err keys_get(struct ctx *ctx, struct call *call);
enum err keys_post(struct ctx *ctx, struct call *call);
enum err keys_delete(struct ctx *ctx, struct call *call);

enum err users_get(struct ctx *ctx, struct call *call);
enum err users_post(struct ctx *ctx, struct call *call);
enum err user_get(struct ctx *ctx, struct call *call);
enum err user_patch(struct ctx *ctx, struct call *call);
enum err user_remove(struct ctx *ctx, struct call *call);

enum err workspaces_get(struct ctx *ctx, struct call *call);
enum err workspaces_post(struct ctx *ctx, struct call *call);
enum err workspace_get(struct ctx *ctx, struct call *call);
enum err workspace_patch(struct ctx *ctx, struct call *call);
enum err workspace_remove_it(struct ctx *ctx, struct call *call);
enum err members_get(struct ctx *ctx, struct call *call);
enum err member_put_it(struct ctx *ctx, struct call *call);
enum err member_remove_it(struct ctx *ctx, struct call *call);

enum err credential_get(struct ctx *ctx, struct call *call);
enum err credential_put_it(struct ctx *ctx, struct call *call);
enum err credential_remove_it(struct ctx *ctx, struct call *call);

enum err settings_get(struct ctx *ctx, struct call *call);
enum err setting_get(struct ctx *ctx, struct call *call);
enum err setting_put(struct ctx *ctx, struct call *call);

enum err assistants_get(struct ctx *ctx, struct call *call);
enum err assistants_post(struct ctx *ctx, struct call *call);
enum err assistants_post_import(struct ctx *ctx, struct call *call);
enum err assistant_get(struct ctx *ctx, struct call *call);
enum err assistant_patch_it(struct ctx *ctx, struct call *call);
enum err assistant_remove_it(struct ctx *ctx, struct call *call);
enum err assistant_get_history(struct ctx *ctx, struct call *call);
enum err assistant_get_version(struct ctx *ctx, struct call *call);
enum err assistant_post_restore(struct ctx *ctx, struct call *call);

enum err calls_get(struct ctx *ctx, struct call *call);
enum err calls_post(struct ctx *ctx, struct call *call);
enum err call_get(struct ctx *ctx, struct call *call);
enum err call_get_timeline(struct ctx *ctx, struct call *call);
enum err call_post_end(struct ctx *ctx, struct call *call);
enum err twilio_calls_post(struct ctx *ctx, struct call *call);
enum err messages_post(struct ctx *ctx, struct call *call);
enum err messages_get(struct ctx *ctx, struct call *call);
enum err message_get(struct ctx *ctx, struct call *call);
enum err operation_get(struct ctx *ctx, struct call *call);

enum err stream_get(struct ctx *ctx, struct call *call);

enum err numbers_get(struct ctx *ctx, struct call *call);
enum err numbers_get_available(struct ctx *ctx, struct call *call);
enum err numbers_post(struct ctx *ctx, struct call *call);
enum err numbers_post_import(struct ctx *ctx, struct call *call);
enum err number_remove_it(struct ctx *ctx, struct call *call);
enum err recordings_get(struct ctx *ctx, struct call *call);
enum err recording_get_audio(struct ctx *ctx, struct call *call);
enum err recording_hear(struct ctx *ctx, struct call *call);
enum err number_limits_get(struct ctx *ctx, struct call *call);
enum err number_limits_put_it(struct ctx *ctx, struct call *call);
enum err integrations_get(struct ctx *ctx, struct call *call);
enum err endpoints_get(struct ctx *ctx, struct call *call);
enum err endpoint_rotate_it(struct ctx *ctx, struct call *call);
enum err endpoint_set_up(struct ctx *ctx, struct call *call);
enum err events_get(struct ctx *ctx, struct call *call);
enum err event_get(struct ctx *ctx, struct call *call);
enum err event_replay_it(struct ctx *ctx, struct call *call);
enum err events_replay_them(struct ctx *ctx, struct call *call);
enum err audit_get(struct ctx *ctx, struct call *call);

enum err analytics_get_calls(struct ctx *ctx, struct call *call);
enum err limits_get(struct ctx *ctx, struct call *call);
enum err limits_put_it(struct ctx *ctx, struct call *call);
enum err fallback_get(struct ctx *ctx, struct call *call);
enum err fallback_put_it(struct ctx *ctx, struct call *call);

enum err destinations_get(struct ctx *ctx, struct call *call);
enum err destinations_post(struct ctx *ctx, struct call *call);
enum err destination_get(struct ctx *ctx, struct call *call);
enum err destination_patch(struct ctx *ctx, struct call *call);
enum err destination_remove_it(struct ctx *ctx, struct call *call);
enum err destination_rotate_it(struct ctx *ctx, struct call *call);
enum err destination_test_it(struct ctx *ctx, struct call *call);
enum err destination_recover_it(struct ctx *ctx, struct call *call);
enum err deliveries_get(struct ctx *ctx, struct call *call);
enum err delivery_resend_it(struct ctx *ctx, struct call *call);

enum err hook_twilio_voice(struct ctx *ctx, struct call *call);
enum err hook_twilio_status(struct ctx *ctx, struct call *call);
enum err hook_twilio_message(struct ctx *ctx, struct call *call);
enum err hook_twilio_message_status(struct ctx *ctx, struct call *call);
enum err hook_vapi(struct ctx *ctx, struct call *call);
