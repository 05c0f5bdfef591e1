// The classes of an evaluation as bars that can be sorted and searched; 1,000 of them stay usable.

import React, { useMemo, useState } from "react";
import {
  named,
  OTHER,
  OWN,
  signed,
  title,
  verdict,
  type ClassMetric,
  type ClassNumbers,
  type Compared,
  type Show,
} from "./evaluations";
import { count, number } from "./format";
import { Field } from "./parts";

/** How many classes are shown at first, and how many more each time. */
const FIRST = 25;
const MORE = 100;

/** Of more classes than this, one is searched by its name. */
const SEARCHED = 12;

const METRICS: ClassMetric[] = ["support", "precision", "recall", "f1", "ap"];
const OUTCOMES = ["tp", "fp", "fn"] as const;

type Order = "high" | "low" | "better" | "worse";

const ORDERS: [Order, string][] = [
  ["high", "highest first"],
  ["low", "lowest first"],
];
const CHANGES: [Order, string][] = [
  ["worse", "got worse first"],
  ["better", "got better first"],
];

export function ClassBars(props: { numbers: Compared; show: Show; disabled: boolean }) {
  const { numbers, show } = props;
  const { other } = numbers;
  const [metric, setMetric] = useState<ClassMetric>(other ? "f1" : "support");
  const [order, setOrder] = useState<Order>("high");
  const [search, setSearch] = useState("");
  const [shown, setShown] = useState(FIRST);
  const others = useMemo(() => byName(other?.classes), [other]);
  const changes = useMemo(() => byName(numbers.classDifferences), [numbers.classDifferences]);
  const sorted = useMemo(
    () => sort(numbers.classes, metric, other ? order : plain(order), changes),
    [numbers.classes, metric, order, changes, other],
  );
  const wanted = search.trim().toLowerCase();
  const found = wanted ? sorted.filter((one) => one.name.toLowerCase().includes(wanted)) : sorted;
  const metrics = METRICS.filter((one) => one !== "ap" || numbers.classes.some((c) => c.ap !== null));
  const most = metric === "support" ? Math.max(1, ...numbers.classes.map((c) => c.support)) : 1;
  const longest = Math.max(3, ...found.slice(0, shown).map((one) => named(one.name).length));
  const sizes = {
    "--w-names": `min(38%, ${longest + 1}ch)`,
    "--w-values": other ? "104px" : "52px",
  } as React.CSSProperties;
  return (
    <>
      <div className="w-bar w-picks">
        <Field label="Bars">
          <select value={metric} onChange={(event) => setMetric(event.target.value as ClassMetric)}>
            {metrics.map((one) => (
              <option key={one} value={one}>
                {title(one)}
              </option>
            ))}
          </select>
        </Field>
        <Field label="Order">
          <select value={other ? order : plain(order)} onChange={(event) => setOrder(event.target.value as Order)}>
            {[...(other ? CHANGES : []), ...ORDERS].map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </select>
        </Field>
        {numbers.classes.length > SEARCHED && (
          <input
            type="search"
            className="w-grow"
            aria-label="Search classes"
            placeholder="Search classes"
            value={search}
            onChange={(event) => {
              setSearch(event.target.value);
              setShown(FIRST);
            }}
          />
        )}
      </div>
      <ul className={other ? "w-classes w-compared" : "w-classes"} style={sizes}>
        {found.slice(0, shown).map((one) => (
          <Row
            key={one.name}
            one={one}
            second={others.get(one.name)}
            change={changes.get(one.name)}
            metric={metric}
            most={most}
            compared={other !== undefined}
            outcomes={numbers.type === "segmentation" ? "pixels" : "labels"}
            show={show}
            disabled={props.disabled}
          />
        ))}
      </ul>
      {found.length === 0 && <p className="w-soft w-small">No class has “{search.trim()}” in its name.</p>}
      {found.length > shown && (
        <div className="w-bar">
          <button type="button" onClick={() => setShown(shown + MORE)}>
            Show {Math.min(MORE, found.length - shown)} more
          </button>
          <span className="w-soft w-small">
            {count(shown)} of {count(found.length)}
          </span>
        </div>
      )}
    </>
  );
}

function Row(props: {
  one: ClassNumbers;
  second: ClassNumbers | undefined;
  change: ClassNumbers | undefined;
  metric: ClassMetric;
  most: number;
  compared: boolean;
  outcomes: "labels" | "pixels";
  show: Show;
  disabled: boolean;
}) {
  const { one, second, change, metric, show, disabled } = props;
  const name = named(one.name);
  const value = one[metric];
  const difference = change?.[metric] ?? null;
  const said = value === null ? "none" : number(value);
  const label = `${name}: ${title(metric)} ${said}. Show them`;
  return (
    <li>
      <button
        type="button"
        className="w-class"
        disabled={disabled}
        title={label}
        aria-label={label}
        onClick={() => show("class", { class: one.name })}
      >
        <span className="w-name">{name}</span>
        <span className={props.compared ? "w-track w-two" : "w-track"}>
          <Bar value={value} most={props.most} colour={OWN} />
          {props.compared && <Bar value={second?.[metric] ?? null} most={props.most} colour={OTHER} />}
        </span>
        <span className="w-value w-num w-small">
          {value === null ? "–" : number(value)}
          {difference !== null && <Change name={metric} value={difference} />}
        </span>
      </button>
      <span className="w-outcomes w-num">
        {OUTCOMES.map((outcome) => {
          const text = `${outcome.toUpperCase()} ${count(one[outcome])}`;
          if (props.outcomes === "pixels" || one[outcome] === 0) {
            return (
              <span key={outcome} className="w-soft">
                {text}
              </span>
            );
          }
          const title = `${name}: ${count(one[outcome])} ${WORDS[outcome]}. Show them`;
          return (
            <button
              type="button"
              key={outcome}
              disabled={disabled}
              title={title}
              aria-label={title}
              onClick={() => show("outcome", { outcome, class: one.name })}
            >
              {text}
            </button>
          );
        })}
      </span>
    </li>
  );
}

const WORDS = { tp: "true positives", fp: "false positives", fn: "false negatives" };

export function Change(props: { name: string; value: number }) {
  const good = verdict(props.name, props.value);
  return (
    <span className={good > 0 ? "w-better" : good < 0 ? "w-worse" : "w-soft"}> {signed(props.value, number)}</span>
  );
}

function Bar(props: { value: number | null; most: number; colour: string }) {
  const width = `${(100 * (props.value ?? 0)) / props.most}%`;
  return <span className="w-fill" style={{ width, "--w-key": props.colour } as React.CSSProperties} />;
}

function byName(classes: ClassNumbers[] | undefined): Map<string, ClassNumbers> {
  return new Map((classes ?? []).map((one) => [one.name, one]));
}

function plain(order: Order): Order {
  return order === "low" ? "low" : "high";
}

/** Classes without a value come last; of equal ones those with more labels come first. */
function sort(
  classes: ClassNumbers[],
  metric: ClassMetric,
  order: Order,
  changes: Map<string, ClassNumbers>,
): ClassNumbers[] {
  const by =
    order === "better" || order === "worse"
      ? (one: ClassNumbers) => changes.get(one.name)?.[metric] ?? null
      : (one: ClassNumbers) => one[metric];
  const sign = order === "low" || order === "worse" ? 1 : -1;
  return [...classes].sort((a, b) => {
    const [x, y] = [by(a), by(b)];
    if (x === null || y === null) return (x === null ? 1 : 0) - (y === null ? 1 : 0);
    return sign * (x - y) || b.support - a.support;
  });
}
