// Many events at once: the dialog counts first, and says what it does.
import "words:activity";
import { useEffect, useState } from "preact/hooks";
import type { Problem, Schemas } from "../kit/api";
import { t } from "../kit/i18n";
import { local, moment } from "../kit/moment";
import { dated, Trouble, troubleOf } from "../kit/panel";
import { Button, Dialog, Field, Select } from "../kit/parts";
import { api } from "../kit/state";
import { toast } from "../kit/toasts";

const countMax = 100; // one page: beyond that it is "more than"

export function ReplayMany({ onClose }: { onClose: () => void }) {
  const [values, setValues] = useState<Record<string, string>>({ since: local(Date.now() - 86_400_000), until: "", status: "dead", type: "" });
  const [count, setCount] = useState<string>(t("activity.range.counting"));
  const [none, setNone] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<(Problem & { until?: number }) | undefined>();
  const wanted = (): Schemas["ReplayRequest"] => {
    const since = moment(values.since!), until = moment(values.until!);
    return { ...(since ? { since } : {}), ...(until ? { until } : {}), ...(values.status ? { status: values.status as "dead" } : {}), ...(values.type?.trim() ? { type: values.type.trim() } : {}) };
  };
  const asked = JSON.stringify(wanted());

  useEffect(() => {
    let current = true;
    const query = new URLSearchParams({ ...(JSON.parse(asked) as Record<string, string>), limit: String(countMax) });
    if (asked === "{}") {
      setNone(true);
      return setCount(t("activity.range.need"));
    }
    void api.get<Schemas["EventList"]>("/events?" + query).then((reply) => {
      if (!current) return;
      const n = reply.ok ? reply.data.events.length : 0;
      setNone(reply.ok && !n);
      setCount(!reply.ok ? t("activity.range.unknown") : reply.data.next_cursor ? t("activity.range.many", { n }) : n ? t("activity.range.count", { n }) : t("activity.range.none"));
    });
    return () => {
      current = false;
    };
  }, [asked]);

  async function replay() {
    setBusy(true);
    setProblem(undefined);
    const reply = await api.send<Schemas["ReplayAnswer"]>("POST", "/events/replay", { body: wanted() });
    setBusy(false);
    if (!reply.ok) return setProblem(dated(reply.problem));
    toast("ok", t("activity.range.done_title"), t("activity.range.done_text", { n: reply.data.count }));
    onClose();
  }

  const set = (name: string) => (value: string) => setValues({ ...values, [name]: value });
  return (
    <Dialog title={t("activity.range.title")} onClose={onClose}>
      <form noValidate data-form="replay" onSubmit={(e) => {
        e.preventDefault();
        if (!none && !busy) void replay();
      }}>
        <p>{t("activity.range.says")}</p>
        <div class="columns">
          <Field name="since" type="datetime-local" label={t("activity.range.since")} value={values.since!} onInput={set("since")} />
          <Field name="until" type="datetime-local" label={t("field.optional", { label: t("activity.range.until") })} value={values.until!} onInput={set("until")} />
          <Select name="status" label={t("activity.range.status")} value={values.status!} onInput={set("status")} options={[["dead", t("activity.range.dead")], ["done", t("activity.range.done")], ["", t("list.any")]]} />
          <Field name="type" label={t("field.optional", { label: t("activity.range.type") })} value={values.type!} onInput={set("type")} />
        </div>
        <p role="status" data-count><strong>{count}</strong></p>
        {problem && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} retry={() => void replay()} />}
        <div class="row">
          <Button kind="primary" type="submit" icon="rotate-ccw" busy={busy} blocked={none}>{t("activity.range.button")}</Button>
          <Button kind="quiet" onClick={onClose}>{t("action.cancel")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
