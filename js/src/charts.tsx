// Plots: curves of metrics, bars of classes, steps of confidences.

import React from "react";
import { count, number } from "./format";
import type { Row } from "./types";

const WIDTH = 260;
const HEIGHT = 130;
const LEFT = 44;
const BOTTOM = 18;
const TOP = 8;
const RIGHT = 8;

/** Colours that can be told apart on light and dark, by people who do not see all of them too. */
export const COLOURS = ["#ff8f1f", "#4c9be8", "#3fb37f", "#c678dd", "#e5534b", "#b8a038"] as const;

export interface Line {
  name: string;
  rows: Row[];
  colour: string;
}

type Point = readonly [number, number];

/** The points of a metric; values that are not numbers, such as "NaN", are left out. */
export function points(rows: Row[], key: string): Point[] {
  const found: Point[] = [];
  rows.forEach((row, index) => {
    const y = row[key];
    const x = typeof row["_step"] === "number" ? row["_step"] : index;
    if (typeof y === "number" && Number.isFinite(y)) found.push([x, y]);
  });
  return found;
}

/** One metric of one or more runs. */
export function Curve(props: { metric: string; lines: Line[] }) {
  const drawn = props.lines.map(({ name, rows, colour }) => ({ name, colour, at: points(rows, props.metric) }));
  const all = drawn.flatMap((line) => line.at);
  const xs = range(all.map(([x]) => x));
  const ys = range(all.map(([, y]) => y));
  const place = ([x, y]: Point) =>
    `${(LEFT + scale(x, xs) * (WIDTH - LEFT - RIGHT)).toFixed(1)},${height(y, ys).toFixed(1)}`;
  const bottom = HEIGHT - BOTTOM;
  return (
    <figure className="w-card w-chart" style={{ margin: 0 }}>
      <figcaption className="w-small">{props.metric}</figcaption>
      {all.length === 0 ? (
        <p className="w-soft w-small">No numbers were logged.</p>
      ) : (
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={described(props.metric, drawn)}>
          <path
            d={`M${LEFT},${TOP}V${bottom}H${WIDTH - RIGHT}`}
            fill="none"
            stroke="currentColor"
            strokeOpacity="0.3"
          />
          {levels(ys).map((level) => {
            const y = height(level, ys);
            return (
              <g key={level}>
                <path d={`M${LEFT},${y}H${WIDTH - RIGHT}`} stroke="currentColor" strokeOpacity="0.12" />
                <text x={LEFT - 4} y={y + 3} textAnchor="end">
                  {number(level)}
                </text>
              </g>
            );
          })}
          <text x={LEFT} y={HEIGHT - 5}>
            {number(xs[0])}
          </text>
          <text x={WIDTH - RIGHT} y={HEIGHT - 5} textAnchor="end">
            step {number(xs[1])}
          </text>
          {drawn.map((line, index) => {
            const [only] = line.at;
            if (line.at.length === 1 && only) {
              const [cx, cy] = place(only).split(",");
              return <circle key={index} cx={cx} cy={cy} r="2.5" fill={line.colour} />;
            }
            return (
              <polyline
                key={index}
                points={line.at.map(place).join(" ")}
                fill="none"
                stroke={line.colour}
                strokeWidth="1.5"
                strokeLinejoin="round"
              />
            );
          })}
        </svg>
      )}
    </figure>
  );
}

function described(metric: string, lines: { name: string; at: Point[] }[]): string {
  const parts = lines.map(({ name, at }) => {
    const first = at[0];
    const last = at.at(-1);
    return first && last ? `${name}: from ${number(first[1])} to ${number(last[1])}` : `${name}: nothing`;
  });
  return `${metric}. ${parts.join("; ")}`;
}

function range(values: number[]): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** The values that a line across the plot is drawn at: both ends and the middle. */
function levels([low, high]: [number, number]): number[] {
  return high > low ? [low, (low + high) / 2, high] : [low];
}

function height(value: number, values: [number, number]): number {
  return HEIGHT - BOTTOM - scale(value, values) * (HEIGHT - BOTTOM - TOP);
}

function scale(value: number, [low, high]: [number, number]): number {
  return high > low ? (value - low) / (high - low) : 0.5;
}

interface Bar {
  name: string;
  count: number;
}

/** Bars beside their names; each is a button. */
export function Bars(props: {
  bars: Bar[];
  title: (bar: Bar) => string;
  disabled?: boolean;
  choose: (bar: Bar) => void;
}) {
  const most = Math.max(1, ...props.bars.map((bar) => bar.count));
  const longest = Math.max(2, ...props.bars.map((bar) => bar.name.length));
  const names = { "--w-names": `min(35%, ${longest + 1}ch)` } as React.CSSProperties;
  return (
    <ul className="w-bars" style={names}>
      {props.bars.map((bar) => (
        <li key={bar.name}>
          <button
            type="button"
            disabled={props.disabled}
            title={props.title(bar)}
            aria-label={props.title(bar)}
            onClick={() => props.choose(bar)}
          >
            <span className="w-name">{bar.name}</span>
            <span>
              <span className="w-fill" style={{ width: `${(100 * bar.count) / most}%` }} />
            </span>
            <span className="w-count w-num w-small">{count(bar.count)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

/**
 * How many there are in each of equal steps from 0 to 1; each step is a button. The few that a model
 * was not sure of matter most: heights grow by the square root, so that they are seen.
 */
export function Histogram(props: {
  counts: number[];
  disabled?: boolean;
  choose: (low: number, high: number) => void;
}) {
  const most = Math.max(1, ...props.counts);
  const steps = props.counts.length;
  return (
    <>
      <div className="w-hist">
        {props.counts.map((value, index) => {
          const low = index / steps;
          const high = (index + 1) / steps;
          const title = `Confidence ${low.toFixed(2)} to ${high.toFixed(2)}: ${count(value)}`;
          return (
            <button
              type="button"
              key={index}
              disabled={props.disabled || value === 0}
              title={title}
              aria-label={`${title}. Show them`}
              onClick={() => props.choose(low, high)}
            >
              <span
                className="w-fill"
                style={{ height: `${value ? Math.max(2, 100 * Math.sqrt(value / most)) : 0}%` }}
              />
            </button>
          );
        })}
      </div>
      <div
        className="w-row w-small w-soft"
        aria-hidden="true"
        style={{ justifyContent: "space-between", flexWrap: "nowrap" }}
      >
        <span>0</span>
        <span style={{ textAlign: "center" }}>confidence (highest bar: {count(most)}; heights show square roots)</span>
        <span>1</span>
      </div>
    </>
  );
}
