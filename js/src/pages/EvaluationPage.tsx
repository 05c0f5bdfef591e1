// One evaluation: its metrics, classes, confusion matrix and curves; a second one over it. A click shows the labels in the grid.

import React, { useState } from "react";
import { useAction, useApp, useData, useKept } from "../app";
import { Change, ClassBars } from "../classBars";
import { Confusion } from "../confusion";
import { Curves, Key } from "../curves";
import {
  OTHER,
  OWN,
  title,
  type Compared,
  type Evaluation,
  type EvaluationAnswer,
  type Logged,
  type Metric,
  type Show,
} from "../evaluations";
import { count, number, plural } from "../format";
import type { Go, Where } from "../nav";
import { Age, Back, Field, Loading, Notice, ProblemNotice, Section, Status } from "../parts";
import { Fields, InWandB, LogButton } from "./evaluationParts";

/** Metrics whose labels can be shown. */
const OUTCOMES = new Set(["tp", "fp", "fn", "correct", "incorrect"]);

export function EvaluationPage(props: { evaluation: Evaluation; dataset: string; where: Where; go: Go }) {
  const { evaluation, dataset, where, go } = props;
  const { key } = evaluation;
  const { refresh } = useApp();
  const [second, setSecond] = useKept(`compare evaluation:${dataset}:${key}`, "");
  const loaded = useData<EvaluationAnswer>("evaluation", { dataset, key, ...(second ? { compare_with: second } : {}) });
  const logged = useData<Logged>("logged_evaluation", loaded.data ? { ...where, dataset, key } : null);
  // The others that it can be compared with are known from the first answer on.
  const [known, setKnown] = useState<string[]>([]);
  const comparable = loaded.data?.comparable ?? known;
  if (loaded.data && loaded.data.comparable !== known) setKnown(loaded.data.comparable);
  return (
    <>
      <Back to="Evaluations" onClick={() => go({ tab: "evaluations" })} />
      <div className="w-bar">
        <h2>{key}</h2>
        {(comparable.length > 0 || second) && (
          <Field label="Compare with">
            <select value={second} onChange={(event) => setSecond(event.target.value)}>
              <option value="">none</option>
              {(comparable.includes(second) || !second ? comparable : [second, ...comparable]).map((one) => (
                <option key={one}>{one}</option>
              ))}
            </select>
          </Field>
        )}
        <span className="w-right w-bar">
          <LogButton evaluation={key} where={where} logged={logged.data} />
        </span>
      </div>
      <div className="w-row">
        <span className="w-soft w-small">{evaluation.type}</span>
        <Age of={evaluation.evaluated} />
        <Fields evaluation={evaluation} />
      </div>
      <div>
        <InWandB logged={logged.data} where={where} go={go} />
        {loaded.data && !logged.data && logged.pending && <Loading text={logged.pending} />}
        {logged.problem && (
          <p className="w-small w-soft">It is not known whether W&amp;B has it: {logged.problem.text}</p>
        )}
      </div>
      <Status of={loaded} again={refresh} />
      {loaded.data && <Content key={second} evaluation={evaluation} numbers={loaded.data.numbers} second={second} />}
    </>
  );
}

function Content(props: { evaluation: Evaluation; numbers: Compared; second: string }) {
  const { evaluation, numbers, second } = props;
  const { calls } = useApp();
  const action = useAction();
  const [matrixOf, setMatrixOf] = useState<"own" | "other">("own");
  const show: Show = (what, params = {}) =>
    action.start("Showing", async (say) => {
      const compared = second && what !== "cell" ? { compare_with: second } : {};
      await calls.ask("show_evaluated", { key: evaluation.key, what, ...compared, ...params }, { onPending: say });
    });
  const disabled = action.busy !== null;
  const { other } = numbers;
  const shown = matrixOf === "other" && other ? other : numbers;
  const showCell: Show = (what, params) => show(what, { ...params, key: shown.key });
  return (
    <>
      {numbers.changed > 0 && (
        <Notice>
          Changed since this evaluation: {plural(numbers.changed, "label")}. The numbers are those of the evaluation; a
          click shows the labels as they are now.
        </Notice>
      )}
      <div className="w-bar">
        <button type="button" className="w-main" disabled={disabled} onClick={() => show("worst")}>
          Worst samples first
        </button>
        {other && (
          <>
            <button type="button" disabled={disabled} onClick={() => show("worse")}>
              Where it is worse
            </button>
            <button type="button" disabled={disabled} onClick={() => show("better")}>
              Where it is better
            </button>
          </>
        )}
        {action.busy && <Loading text={action.busy} />}
      </div>
      <ProblemNotice problem={action.problem} />
      <Section title="Metrics">
        {other ? <Both numbers={numbers} /> : <Tiles metrics={numbers.metrics} show={show} disabled={disabled} />}
      </Section>
      {numbers.classes.length > 0 && (
        <Section
          title={`Classes (${count(numbers.classes.length)})`}
          action={other && <Legend own={numbers.key} other={other.key} />}
        >
          <ClassBars numbers={numbers} show={show} disabled={disabled} />
        </Section>
      )}
      {numbers.confusion && (
        <Section
          title="Confusion matrix"
          action={
            other && (
              <Field label="Of">
                <select
                  value={matrixOf}
                  onChange={(event) => setMatrixOf(event.target.value === "other" ? "other" : "own")}
                >
                  <option value="own">{numbers.key}</option>
                  <option value="other">{other.key}</option>
                </select>
              </Field>
            )
          }
        >
          {shown.confusion ? (
            <Confusion
              key={shown.key}
              matrix={shown.confusion}
              missing={shown.missing}
              show={showCell}
              disabled={disabled}
              unit={shown.type === "segmentation" ? " pixels" : ""}
            />
          ) : (
            <p className="w-soft">This evaluation has no confusion matrix.</p>
          )}
        </Section>
      )}
      {numbers.curves.length > 0 && (
        <Section title="Curves">
          <Curves own={numbers} other={other} />
        </Section>
      )}
    </>
  );
}

function Legend(props: { own: string; other: string }) {
  return (
    <span className="w-row w-small">
      <Key colour={OWN} name={props.own} />
      <Key colour={OTHER} name={props.other} />
    </span>
  );
}

function Tiles(props: { metrics: Metric[]; show: Show; disabled: boolean }) {
  return (
    <div className="w-tiles">
      {props.metrics.map((metric) => {
        const name = title(metric.name);
        const content = (
          <>
            <span className="w-soft w-small">{name}</span>
            <b className="w-num">{number(metric.value)}</b>
          </>
        );
        return OUTCOMES.has(metric.name) && metric.value > 0 ? (
          <button
            type="button"
            key={metric.name}
            className="w-tile"
            disabled={props.disabled}
            title={`${name}: ${count(metric.value)}. Show them`}
            onClick={() => props.show("outcome", { outcome: metric.name })}
          >
            {content}
          </button>
        ) : (
          <div key={metric.name} className="w-tile" title={`${name}: ${metric.value}`}>
            {content}
          </div>
        );
      })}
    </div>
  );
}

/** The metrics of both, and what one has more or less. */
function Both(props: { numbers: Compared }) {
  const { numbers } = props;
  const others = new Map((numbers.other?.metrics ?? []).map((one) => [one.name, one.value]));
  const differences = new Map((numbers.differences ?? []).map((one) => [one.name, one.value]));
  const names = [...new Set([...numbers.metrics.map((one) => one.name), ...others.keys()])];
  const own = new Map(numbers.metrics.map((one) => [one.name, one.value]));
  return (
    <table className="w-both" aria-label="Metrics of both evaluations">
      <thead>
        <tr>
          <th scope="col">Metric</th>
          <th scope="col">
            <Key colour={OWN} name={numbers.key} />
          </th>
          <th scope="col">
            <Key colour={OTHER} name={numbers.other?.key ?? ""} />
          </th>
          <th scope="col">difference</th>
        </tr>
      </thead>
      <tbody>
        {names.map((name) => (
          <tr key={name}>
            <th scope="row">{title(name)}</th>
            <Value value={own.get(name)} />
            <Value value={others.get(name)} />
            <td className="w-num">
              <Difference name={name} value={differences.get(name)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Value(props: { value: number | undefined }) {
  return (
    <td className="w-num" title={props.value === undefined ? "It has none" : String(props.value)}>
      {props.value === undefined ? "–" : number(props.value)}
    </td>
  );
}

function Difference(props: { name: string; value: number | undefined }) {
  if (props.value === undefined) return <>–</>;
  return <Change name={props.name} value={props.value} />;
}
