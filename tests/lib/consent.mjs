// Consenting to a calendar as a browser does, with fetch.
import assert from "node:assert/strict";
import { person } from "./ava.mjs";

export const at = (p) => `/api/v1/integrations/calendar/${p}`;

// A browser that is signed in, as far as redirects and one cookie go.
export class Browser {
  static async signIn(a, who = person) {
    const self = new Browser();
    self.a = a;
    const r = await a.call("/api/v1/auth/login", { key: null, body: { email: who.email, password: who.password } });
    assert.equal(r.status, 200, r.text);
    self.keep(r);
    return self;
  }

  keep(r) {
    for (const line of r.headers.getSetCookie()) if (/^(__Host-)?ava_session=[^;]/.test(line)) this.cookie = line.split(";")[0];
  }

  async go(url, { method, form, headers = {} } = {}) {
    const path = url.startsWith("http") ? url.slice(new URL(url).origin.length) : url;
    return this.a.call(path, { key: null, method, raw: form && new URLSearchParams(form).toString(), headers: { Cookie: this.cookie, ...(form ? { "Content-Type": "application/x-www-form-urlencoded" } : {}), ...headers } });
  }

  // The address of the page of consent.
  async begin(provider, access = "read") {
    let r = await this.go(`${at(provider)}/connect?access=${access}`);
    if (r.status === 401) { // the clock went on, and the session is over
      Object.assign(this, await Browser.signIn(this.a));
      r = await this.go(`${at(provider)}/connect?access=${access}`);
    }
    assert.equal(r.status, 302, r.text);
    return r.headers.get("location");
  }

  // What the browser is sent back to after an answer there.
  async answer(page, { account = 0, answer = "allow", scopes } = {}) {
    const shown = await this.go(page);
    assert.equal(shown.status, 200, shown.text);
    const accounts = [...shown.text.matchAll(/name="account" value="([^"]+)"/g)].map((m) => m[1]);
    const asked = [...shown.text.matchAll(/name="scope" checked value="([^"]+)"/g)].map((m) => m[1]);
    const form = [["account", accounts[account]], ["answer", answer], ...(scopes ? asked.filter(scopes) : asked).map((s) => ["scope", s])];
    const r = await this.go(page, { method: "POST", form });
    assert.equal(r.status, 303, r.text);
    return r.headers.get("location");
  }

  async come(callback, options) {
    const r = await this.go(callback, options);
    return r.status === 303 ? new URLSearchParams(r.headers.get("location").split("?")[1]).get("result") : r.status;
  }

  async connect(provider, access = "write", more = {}) {
    return this.come(await this.answer(await this.begin(provider, access), more));
  }
}
