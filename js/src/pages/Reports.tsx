// The project's reports. The App cannot show pages of W&B, so each opens in a tab.

import React from "react";
import { useApp, useData } from "../app";
import { webAddress } from "../format";
import type { Where } from "../nav";
import { Age, Card, LinkOut, Notice, Status } from "../parts";
import type { Report } from "../types";

export function Reports(props: { where: Where; chosen: string | undefined; address: string }) {
  const { refresh } = useApp();
  const loaded = useData<{ reports: Report[] }>("reports", { ...props.where });
  const reports = loaded.data?.reports ?? [];
  const isListed = reports.some((report) => webAddress(report.url) === props.address);
  return (
    <>
      {props.address && !isListed && <Shown url={props.address} />}
      <Status of={loaded} again={refresh} />
      <ul className="w-list">
        {reports.map((report) => {
          const chosen =
            report.id === props.chosen || webAddress(report.url) === props.address || report.url === props.chosen;
          return (
            <Card
              key={report.id}
              mine={chosen}
              current={chosen}
              aside={
                <LinkOut url={report.url} main={chosen} label={`Open the report ${report.title} in a new tab`}>
                  Open
                </LinkOut>
              }
            >
              <div className="w-row">
                <b>{report.title}</b>
                <Age of={report.updated} />
                {report.user && <span className="w-soft w-small">by {report.user}</span>}
              </div>
              {report.description && <p className="w-small w-soft">{report.description}</p>}
            </Card>
          );
        })}
      </ul>
      {loaded.data && reports.length === 0 && (
        <Notice>This project has no reports yet. You write reports on W&amp;B&apos;s own pages.</Notice>
      )}
      {reports.length > 0 && (
        <p className="w-soft w-small">
          Reports open in a new browser tab, because the App cannot show pages of other sites.
        </p>
      )}
    </>
  );
}

function Shown(props: { url: string }) {
  return (
    <Notice
      actions={
        <LinkOut url={props.url} main>
          Open in a new tab
        </LinkOut>
      }
    >
      <b style={{ overflowWrap: "anywhere" }}>{props.url}</b>
      <br />
      is the report that was chosen. It opens in a new browser tab, because the App cannot show pages of other sites.
    </Notice>
  );
}
