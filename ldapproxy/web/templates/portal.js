// What the portal's pages do by themselves. Each of them works without it, only less smoothly.
"use strict";

// The sign-in that waits: the server answers as soon as it has ended, or after some seconds.
const waiting = document.getElementById("waiting");
if (waiting) {
  const text = document.getElementById("waiting-text");
  const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));
  const watch = async () => {
    for (let failures = 0; ; ) {
      try {
        const response = await fetch("/waiting/state", { cache: "no-store", redirect: "error" });
        if (!response.ok) {
          throw new Error(`status ${response.status}`);
        }
        const state = await response.json();
        failures = 0;
        if (state.ended) {
          text.textContent = "Answered.";
          location.replace("/waiting");
          return;
        }
      } catch {
        failures += 1;
        if (failures === 5) {
          text.textContent = "The connection was lost. Reload this page to go on.";
        }
        await pause(1000);
      }
    }
  };
  watch();
}

// Times in the reader's own time zone and way of writing.
for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  if (!Number.isNaN(moment.getTime())) {
    time.title = time.textContent;
    time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  }
}

const print = document.getElementById("print");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
