// The curves of an evaluation, and the residuals of a regression; those of a second one are drawn over them.

import React, { useState } from "react";
import { named, OTHER, OWN, type CurveData, type Numbers, type Point } from "./evaluations";
import { number } from "./format";
import { Field } from "./parts";

const WIDTH = 400;
const HEIGHT = 260;
const LEFT = 40;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 34;

const AXES = {
  precision_recall: ["recall", "precision"],
  roc: ["false positive rate", "true positive rate"],
  residuals: ["truth", "predicted − truth"],
} as const;

interface Drawn {
  name: string;
  colour: string;
  points: Point[];
  faint?: boolean;
}

export function Curves(props: { own: Numbers; other: Numbers | undefined }) {
  return (
    <div className="w-charts w-plots">
      {props.own.curves.map((curve) => (
        <OneCurve
          key={curve.kind}
          curve={curve}
          second={props.other?.curves.find((one) => one.kind === curve.kind)}
          names={[props.own.key, props.other?.key ?? ""]}
        />
      ))}
    </div>
  );
}

function OneCurve(props: { curve: CurveData; second: CurveData | undefined; names: [string, string] }) {
  const { curve, second } = props;
  const [chosen, setChosen] = useState("");
  const line = curve.lines.find((one) => one.name === chosen) ?? curve.lines[0];
  const beside = second?.lines.find((one) => one.name === line?.name);
  const [own, other] = props.names;
  const drawn: Drawn[] = second
    ? []
    : curve.lines.filter((one) => one !== line).map((one) => ({ ...one, colour: "currentColor", faint: true }));
  if (beside) drawn.push({ name: other, colour: OTHER, points: beside.points });
  if (line) drawn.push({ name: second ? own : named(line.name), colour: OWN, points: line.points });
  return (
    <figure className="w-card w-plot" style={{ margin: 0 }}>
      <figcaption className="w-bar w-small">
        <span>{curve.title}</span>
        {curve.lines.length > 1 && (
          <Field label="Class">
            <select value={line?.name} onChange={(event) => setChosen(event.target.value)}>
              {curve.lines.map((one) => (
                <option key={one.name} value={one.name}>
                  {named(one.name)}
                </option>
              ))}
            </select>
          </Field>
        )}
      </figcaption>
      <Plot kind={curve.kind} title={curve.title} drawn={drawn} />
      {second && (
        <div className="w-row w-small">
          <Key colour={OWN} name={own} />
          <Key colour={OTHER} name={beside ? other : `${other}: none of this class`} />
        </div>
      )}
    </figure>
  );
}

export function Key(props: { colour: string; name: string }) {
  return (
    <span className="w-key" style={{ "--w-key": props.colour } as React.CSSProperties}>
      {props.name}
    </span>
  );
}

function Plot(props: { kind: CurveData["kind"]; title: string; drawn: Drawn[] }) {
  const { kind, drawn } = props;
  const scatter = kind === "residuals";
  const all = drawn.flatMap((one) => one.points);
  const xs = scatter ? range(all.map(([x]) => x)) : ([0, 1] as const);
  const ys = scatter ? range([...all.map(([, y]) => y), 0]) : ([0, 1] as const);
  const x = (value: number) => LEFT + ((value - xs[0]) / (xs[1] - xs[0])) * (WIDTH - LEFT - RIGHT);
  const y = (value: number) => HEIGHT - BOTTOM - ((value - ys[0]) / (ys[1] - ys[0])) * (HEIGHT - TOP - BOTTOM);
  const place = ([a, b]: Point) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`;
  const [across, up] = AXES[kind];
  const bottom = HEIGHT - BOTTOM;
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`${props.title}: ${
        drawn
          .filter((one) => !one.faint)
          .map((one) => one.name)
          .join(" and ") || "no lines"
      }`}
    >
      {steps(ys).map((level) => (
        <g key={level}>
          <path
            d={`M${LEFT},${y(level)}H${WIDTH - RIGHT}`}
            stroke="currentColor"
            strokeOpacity={scatter && level === 0 ? 0.6 : 0.12}
          />
          <text x={LEFT - 5} y={y(level) + 3} textAnchor="end">
            {number(level)}
          </text>
        </g>
      ))}
      {steps(xs).map((level) => (
        <text key={level} x={x(level)} y={bottom + 13} textAnchor="middle">
          {number(level)}
        </text>
      ))}
      <path d={`M${LEFT},${TOP}V${bottom}H${WIDTH - RIGHT}`} fill="none" stroke="currentColor" strokeOpacity="0.35" />
      {kind === "roc" && (
        <path
          d={`M${place([0, 0])}L${place([1, 1])}`}
          stroke="currentColor"
          strokeOpacity="0.3"
          strokeDasharray="4 4"
        />
      )}
      <text x={(LEFT + WIDTH - RIGHT) / 2} y={HEIGHT - 6} textAnchor="middle">
        {across}
      </text>
      <text transform={`translate(10 ${(TOP + bottom) / 2}) rotate(-90)`} textAnchor="middle">
        {up}
      </text>
      {drawn.map((one) =>
        scatter ? (
          <g key={one.name} fill={one.colour} fillOpacity="0.55">
            {one.points.map((point, index) => (
              <circle key={index} cx={x(point[0])} cy={y(point[1])} r="2" />
            ))}
          </g>
        ) : (
          <polyline
            key={`${one.faint ? "all" : "chosen"} ${one.name}`}
            points={one.points.map(place).join(" ")}
            stroke={one.colour}
            strokeOpacity={one.faint ? 0.16 : 1}
            strokeWidth={one.faint ? 1 : 2}
          />
        ),
      )}
    </svg>
  );
}

function range(values: number[]): readonly [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return high > low ? [low, high] : [low - 1, high + 1];
}

/** The values that lines are drawn at: the quarters of what goes from 0 to 1, else the ends and, between them, 0 or the middle. */
function steps([low, high]: readonly [number, number]): number[] {
  if (low === 0 && high === 1) return [0, 0.25, 0.5, 0.75, 1];
  return [low, low < 0 && high > 0 ? 0 : (low + high) / 2, high];
}
