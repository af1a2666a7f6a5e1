// The accounts of the providers, one after the other.
import "words:connections";
import "words:setup";
import { CredentialForm } from "../connections/screen";
import { t } from "../kit/i18n";
import { Box, Loading } from "../kit/panel";
import { Button, Heading } from "../kit/parts";
import { serviceName } from "../kit/problem";
import { integrations, useResource } from "../kit/state";
import { Refused } from "./refused";

export function Connect({ onBack, onNext }: { onBack: () => void; onNext: () => void }) {
  const snapshot = useResource(integrations);
  const open = (["vapi", "twilio"] as const).find((p) => snapshot.data?.integrations.some((i) => i.status === "not_connected" && i.provider === p));
  return (
    <div class="panel" data-panel="connect">
      <Heading>{t("setup.connect.title")}</Heading>
      {snapshot.problem && !snapshot.data && <Refused problem={snapshot.problem} busy={snapshot.busy} retry={() => void integrations.reload()} />}
      {!snapshot.data && !snapshot.problem && <Loading name="connections" />}
      {snapshot.data && (open
        ? <><h2>{serviceName(open)}</h2><p>{t(`connections.${open}.gives`)}</p><CredentialForm key={open} service={open} onDone={() => void integrations.reload()} /></>
        : <Box level={2} tone="info" icon="circle-check" title={t("setup.connect.all")} text={t("setup.connect.all_text")} />)}
      <div class="row between">
        <Button kind="quiet" icon="arrow-left" onClick={onBack}>{t("action.back")}</Button>
        <Button kind={open ? "plain" : "primary"} onClick={onNext}>{open ? t("action.skip") : t("action.next")}</Button>
      </div>
    </div>
  );
}
