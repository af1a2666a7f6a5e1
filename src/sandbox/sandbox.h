/* sandbox: a pretend Vapi, Twilio, Resend, mail server, Google and Microsoft on loopback ports of their own, on their
 * own thread.
 *
 * A world apart: it knows nothing of Ava but the API under /sandbox/api on Ava's own port, where
 * people and tests make it misbehave, read what it was asked, and let it send signed webhooks.
 *
 * Any credential is welcome and gets an account of its own with demo data, the same for the same
 * credential at every start. Refused, as a provider refuses an unknown one, is a key or token
 * shorter than 8 characters or beginning with "bad", "wrong", "revoked", "invalid" or "not-". */
#pragma once

#include "base/arena.h"
#include "http/message.h"
#include "obs/ctx.h"

struct sandbox;

/* The demo account. Vapi accounts each have one assistant, of this id, and those made later. */
#define SANDBOX_VAPI_API_KEY        "demo-vapi-key-a7c41e05-0f4b-4c52-8d11-5a6be0f0d3m0"
#define SANDBOX_VAPI_ASSISTANT_ID   "5b0a4a08-133c-4146-9315-0984f8c6be80"
#define SANDBOX_VAPI_NUMBER_ID      "c1b5c7e2-6f7e-4f56-9a43-7d0f3b1f52aa"
#define SANDBOX_TWILIO_ACCOUNT_SID  "ACde300000000000000000000000000001"
#define SANDBOX_TWILIO_AUTH_TOKEN   "de300000000000000000000000000a17"
#define SANDBOX_RESEND_API_KEY      "re_demo_4f0c5b7e2a914d68b3c1"
#define SANDBOX_RESEND_FROM         "Ava Demo <demo@example.com>"
#define SANDBOX_GOOGLE_CLIENT_ID    "demo-client.apps.google.example"
#define SANDBOX_MICROSOFT_CLIENT_ID "00000000-de30-4000-8000-00000000c11e"
#define SANDBOX_CLIENT_SECRET       "demo-client-secret-9b1f04"
#define SANDBOX_SMTP_HOST           "127.0.0.1"
#define SANDBOX_SMTP_USERNAME       "ava@sandbox.example"
#define SANDBOX_SMTP_PASSWORD       "demo-mail-password-5e1f"
#define SANDBOX_SMTP_FROM           "ava@sandbox.example"

/* Returns when all listen. NULL and *why when a port or a thread is not to be had. client.h must
 * be initialised (client_global_init). */
struct sandbox *sandbox_start(struct arena *a, const char **why);
void sandbox_stop(struct sandbox *s); /* NULL is fine; no sandbox_serve may be under way */

const char *sandbox_vapi_url(const struct sandbox *s); /* "http://127.0.0.1:PORT" */
const char *sandbox_twilio_url(const struct sandbox *s);
const char *sandbox_resend_url(const struct sandbox *s);
const char *sandbox_google_url(const struct sandbox *s);
const char *sandbox_microsoft_url(const struct sandbox *s);
int sandbox_smtp_port(const struct sandbox *s); /* at SANDBOX_SMTP_HOST, without TLS */

/* Has the account with that key tell what happens to url, proven by the secret: the demo assistant of Vapi
 * ("vapi") how its calls go, Resend ("resend") what becomes of mails. False when it tells somebody else
 * already. On any thread. */
bool sandbox_tell_to(struct sandbox *s, const char *provider, const char *api_key, const char *url,
                     const char *secret);

/* Answers /sandbox/api/... and, for browsers, /sandbox/oauth/{provider} on any thread; on a fiber or not. What goes wrong is in ctx->problem,
 * and the reply is then the caller's to write. */
void sandbox_serve(struct sandbox *s, struct ctx *ctx, const struct http_req *req,
                   struct http_reply *reply);
