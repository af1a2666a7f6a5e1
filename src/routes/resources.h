/* resources: the handlers of routes/table.c, one file per resource. */
#pragma once

#include "routes/entry.h"

enum err post_email_send(struct ctx *ctx, struct call *call);
enum err post_email_batch(struct ctx *ctx, struct call *call);
enum err post_email_test(struct ctx *ctx, struct call *call);
enum err get_suppressions(struct ctx *ctx, struct call *call);
enum err post_suppression(struct ctx *ctx, struct call *call);
enum err delete_suppression(struct ctx *ctx, struct call *call);
enum err post_resend(struct ctx *ctx, struct call *call);

enum err get_calendar(struct ctx *ctx, struct call *call);
enum err delete_calendar(struct ctx *ctx, struct call *call);
enum err get_calendar_connect(struct ctx *ctx, struct call *call);
enum err get_oauth_callback(struct ctx *ctx, struct call *call);
enum err get_calendars(struct ctx *ctx, struct call *call);
enum err get_calendar_events(struct ctx *ctx, struct call *call);
enum err post_calendar_event(struct ctx *ctx, struct call *call);
enum err patch_calendar_event(struct ctx *ctx, struct call *call);
enum err delete_calendar_event(struct ctx *ctx, struct call *call);
enum err get_tools(struct ctx *ctx, struct call *call);
enum err get_tool(struct ctx *ctx, struct call *call);
enum err put_tool(struct ctx *ctx, struct call *call);
enum err get_tool_uses(struct ctx *ctx, struct call *call);
enum err post_assistant_tools(struct ctx *ctx, struct call *call);
enum err get_calendar_free(struct ctx *ctx, struct call *call);

enum err get_health_live(struct ctx *ctx, struct call *call);
enum err get_health_ready(struct ctx *ctx, struct call *call);
enum err get_health_answering(struct ctx *ctx, struct call *call);
enum err get_settings_in_force(struct ctx *ctx, struct call *call);
enum err get_backups(struct ctx *ctx, struct call *call);
enum err post_backup(struct ctx *ctx, struct call *call);
enum err get_health_details(struct ctx *ctx, struct call *call);
enum err get_metrics(struct ctx *ctx, struct call *call);
/* The metrics in the form that req would rather have; also where they have an address of their own. */
void metrics_answer(const struct http_req *req, struct http_reply *reply);

enum err get_openapi(struct ctx *ctx, struct call *call);
enum err get_docs(struct ctx *ctx, struct call *call);
enum err get_problem(struct ctx *ctx, struct call *call);

enum err post_auth_setup(struct ctx *ctx, struct call *call);
enum err post_auth_login(struct ctx *ctx, struct call *call);
enum err post_auth_refresh(struct ctx *ctx, struct call *call);
enum err post_auth_logout(struct ctx *ctx, struct call *call);
enum err put_auth_workspace(struct ctx *ctx, struct call *call);
enum err put_auth_password(struct ctx *ctx, struct call *call);
enum err get_auth_me(struct ctx *ctx, struct call *call);

enum err get_keys(struct ctx *ctx, struct call *call);
enum err post_key(struct ctx *ctx, struct call *call);
enum err delete_key(struct ctx *ctx, struct call *call);

enum err get_users(struct ctx *ctx, struct call *call);
enum err post_user(struct ctx *ctx, struct call *call);
enum err get_user(struct ctx *ctx, struct call *call);
enum err patch_user(struct ctx *ctx, struct call *call);
enum err delete_user(struct ctx *ctx, struct call *call);

enum err get_workspaces(struct ctx *ctx, struct call *call);
enum err post_workspace(struct ctx *ctx, struct call *call);
enum err get_workspace(struct ctx *ctx, struct call *call);
enum err patch_workspace(struct ctx *ctx, struct call *call);
enum err delete_workspace(struct ctx *ctx, struct call *call);
enum err get_members(struct ctx *ctx, struct call *call);
enum err put_member(struct ctx *ctx, struct call *call);
enum err delete_member(struct ctx *ctx, struct call *call);
enum err get_workspace_keys(struct ctx *ctx, struct call *call);
enum err delete_workspace_key(struct ctx *ctx, struct call *call);
enum err get_invitations(struct ctx *ctx, struct call *call);
enum err post_invitation(struct ctx *ctx, struct call *call);
enum err delete_invitation(struct ctx *ctx, struct call *call);
enum err post_invitation_accept(struct ctx *ctx, struct call *call);
enum err get_own_invitations(struct ctx *ctx, struct call *call);
enum err post_own_invitation_accept(struct ctx *ctx, struct call *call);
enum err delete_own_invitation(struct ctx *ctx, struct call *call);

enum err get_credential(struct ctx *ctx, struct call *call);
enum err put_credential(struct ctx *ctx, struct call *call);
enum err delete_credential(struct ctx *ctx, struct call *call);

enum err get_settings(struct ctx *ctx, struct call *call);
enum err get_setting(struct ctx *ctx, struct call *call);
enum err put_setting(struct ctx *ctx, struct call *call);

enum err get_assistants(struct ctx *ctx, struct call *call);
enum err post_assistant(struct ctx *ctx, struct call *call);
enum err post_assistants_import(struct ctx *ctx, struct call *call);
enum err get_assistant(struct ctx *ctx, struct call *call);
enum err patch_assistant(struct ctx *ctx, struct call *call);
enum err delete_assistant(struct ctx *ctx, struct call *call);
enum err get_assistant_history(struct ctx *ctx, struct call *call);
enum err get_assistant_version(struct ctx *ctx, struct call *call);
enum err post_assistant_restore(struct ctx *ctx, struct call *call);

enum err get_templates(struct ctx *ctx, struct call *call);
enum err post_template(struct ctx *ctx, struct call *call);
enum err post_templates_preview(struct ctx *ctx, struct call *call);
enum err get_template(struct ctx *ctx, struct call *call);
enum err patch_template(struct ctx *ctx, struct call *call);
enum err delete_template(struct ctx *ctx, struct call *call);
enum err get_template_versions(struct ctx *ctx, struct call *call);
enum err get_template_version(struct ctx *ctx, struct call *call);
enum err post_template_undo(struct ctx *ctx, struct call *call);
enum err post_template_preview(struct ctx *ctx, struct call *call);

enum err get_calls(struct ctx *ctx, struct call *call);
enum err post_call(struct ctx *ctx, struct call *call);
enum err get_call(struct ctx *ctx, struct call *call);
enum err get_call_timeline(struct ctx *ctx, struct call *call);
enum err post_call_end(struct ctx *ctx, struct call *call);
enum err post_twilio_call(struct ctx *ctx, struct call *call);
enum err post_message(struct ctx *ctx, struct call *call);
enum err get_messages(struct ctx *ctx, struct call *call);
enum err get_message(struct ctx *ctx, struct call *call);
enum err get_operation(struct ctx *ctx, struct call *call);

enum err get_stream(struct ctx *ctx, struct call *call);

enum err get_numbers(struct ctx *ctx, struct call *call);
enum err get_numbers_available(struct ctx *ctx, struct call *call);
enum err post_number(struct ctx *ctx, struct call *call);
enum err post_numbers_import(struct ctx *ctx, struct call *call);
enum err delete_number(struct ctx *ctx, struct call *call);
enum err get_recordings(struct ctx *ctx, struct call *call);
enum err get_recording_audio(struct ctx *ctx, struct call *call);
enum err get_recording(struct ctx *ctx, struct call *call);
enum err get_number_limits(struct ctx *ctx, struct call *call);
enum err put_number_limits(struct ctx *ctx, struct call *call);
enum err get_integrations(struct ctx *ctx, struct call *call);
enum err get_endpoints(struct ctx *ctx, struct call *call);
enum err post_endpoint_rotate(struct ctx *ctx, struct call *call);
enum err delete_endpoint_former(struct ctx *ctx, struct call *call);
enum err post_endpoint_setup(struct ctx *ctx, struct call *call);
enum err get_events(struct ctx *ctx, struct call *call);
enum err get_event(struct ctx *ctx, struct call *call);
enum err post_event_replay(struct ctx *ctx, struct call *call);
enum err post_events_replay(struct ctx *ctx, struct call *call);
enum err get_flags(struct ctx *ctx, struct call *call);
enum err put_flag(struct ctx *ctx, struct call *call);
enum err get_audit(struct ctx *ctx, struct call *call);
enum err get_search(struct ctx *ctx, struct call *call);
enum err get_export_calls(struct ctx *ctx, struct call *call);
enum err get_export_messages(struct ctx *ctx, struct call *call);
enum err get_export_events(struct ctx *ctx, struct call *call);
enum err get_export_audit(struct ctx *ctx, struct call *call);
enum err get_audit_verification(struct ctx *ctx, struct call *call);
enum err post_audit_verification(struct ctx *ctx, struct call *call);

enum err get_analytics_providers(struct ctx *ctx, struct call *call);
enum err get_analytics_calls(struct ctx *ctx, struct call *call);
enum err get_limits(struct ctx *ctx, struct call *call);
enum err put_limits(struct ctx *ctx, struct call *call);
enum err get_fallback(struct ctx *ctx, struct call *call);
enum err put_fallback(struct ctx *ctx, struct call *call);

enum err get_destinations(struct ctx *ctx, struct call *call);
enum err post_destination(struct ctx *ctx, struct call *call);
enum err get_destination(struct ctx *ctx, struct call *call);
enum err patch_destination(struct ctx *ctx, struct call *call);
enum err delete_destination(struct ctx *ctx, struct call *call);
enum err post_destination_rotate(struct ctx *ctx, struct call *call);
enum err post_destination_test(struct ctx *ctx, struct call *call);
enum err post_destination_recover(struct ctx *ctx, struct call *call);
enum err get_deliveries(struct ctx *ctx, struct call *call);
enum err post_delivery_resend(struct ctx *ctx, struct call *call);

enum err post_twilio_voice(struct ctx *ctx, struct call *call);
enum err post_twilio_status(struct ctx *ctx, struct call *call);
enum err post_twilio_message(struct ctx *ctx, struct call *call);
enum err post_twilio_message_status(struct ctx *ctx, struct call *call);
enum err post_vapi(struct ctx *ctx, struct call *call);

enum err get_rules(struct ctx *ctx, struct call *call);
enum err post_rule(struct ctx *ctx, struct call *call);
enum err get_rule(struct ctx *ctx, struct call *call);
enum err patch_rule(struct ctx *ctx, struct call *call);
enum err delete_rule(struct ctx *ctx, struct call *call);
enum err get_rule_uses(struct ctx *ctx, struct call *call);
