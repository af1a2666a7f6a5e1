// The course of a call as a picture: a bar of its phases, above it marks of what happened. The list below it says the same.
import "words:calls";
import "words:ended";
import type { Schemas } from "../kit/api";
import { duration, moment, t } from "../kit/i18n";
import { said } from "../kit/said";
import { useNow } from "../kit/parts";
import { courseOf, type Kind, type Mark } from "./course";

const tall: Record<Kind, number> = { waiting: 4, dialling: 10, ringing: 16, talking: 28, passed_on: 28 };
const floor = 60, height = 64, marksAt = 12; // px; across it is in percent, so that nothing is drawn out of shape

export function Picture({ timeline }: { timeline: Schemas["Timeline"] }) {
  const now = useNow(1000, timeline.call.ended === null);
  const course = courseOf(timeline, now);
  if (!course || course.until <= course.from) return null;
  const place = (ms: number) => 1 + ((ms - course.from) / (course.until - course.from)) * 98;
  const lasts = (p: { from: number; until: number }) => duration((p.until - p.from) / 1000);
  return (
    <figure class="chart course" data-course={course.live ? "live" : "ended"}>
      <svg height={height} role="img" aria-label={t("calls.course.label")}>
        {course.phases.map((p) => (
          <rect key={p.kind} class={`phase ${p.kind}`} data-phase={p.kind} x={place(p.from) + "%"} width={Math.max(.4, place(p.until) - place(p.from)) + "%"} y={floor - tall[p.kind]} height={tall[p.kind]}>
            <title>{t("calls.course.phase", { what: t("calls.course." + p.kind), lasted: lasts(p) })}</title>
          </rect>
        ))}
        {course.marks.map((m, i) => <Dot key={i} mark={m} x={place(m.at)} />)}
        <line class="floor" x1="0" x2="100%" y1={floor + .5} y2={floor + .5} />
      </svg>
      <figcaption>
        <span>{moment(course.from)}</span>
        <span class="legend">
          {course.phases.filter((p) => p.until - p.from >= 500).map((p) => <span key={p.kind}><i class={`key ${p.kind}`} aria-hidden="true" />{t("calls.course.phase", { what: t("calls.course." + p.kind), lasted: lasts(p) })}</span>)}
        </span>
        <span>{course.live ? t("calls.course.now") : moment(course.until)}</span>
      </figcaption>
    </figure>
  );
}

// Attempts are round, what went wrong stands on its point, webhooks are square, the rest is a line.
function Dot({ mark, x }: { mark: Mark; x: number }) {
  const words = <title>{said(mark.text)}</title>;
  if (mark.kind === "attempt") return <circle class="mark" data-mark={mark.kind} cx={x + "%"} cy={marksAt} r="4">{words}</circle>;
  if (mark.kind === "other") return <line class="mark" data-mark={mark.kind} x1={x + "%"} x2={x + "%"} y1={marksAt - 4} y2={marksAt + 4}>{words}</line>;
  return (
    <svg x={x + "%"} y={marksAt} overflow="visible">
      {mark.kind === "trouble" ? <path class="mark trouble" data-mark={mark.kind} d="M0-5 5 4H-5z">{words}</path> : <rect class="mark webhook" data-mark={mark.kind} x="-3.5" y="-3.5" width="7" height="7">{words}</rect>}
    </svg>
  );
}
