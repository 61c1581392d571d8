// Questions to the panel, and what goes wrong with them as a Problem.

export class Problem extends Error {
  constructor({ reason, message, next_step: nextStep = "" }) {
    super(message);
    this.reason = reason;
    this.nextStep = nextStep;
  }
}

const SILENT = {
  reason: "PANEL_ENDED",
  message: "the panel does not answer",
  next_step: "open VIA again from Workspace > Scripts; edits go on meanwhile",
};

export async function ask(path, body, signal) {
  const options = body === undefined ? {} : {
    signal,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  return answered(await sent(path, options));
}

export async function sendFile(path, file) {
  return answered(await sent(path, { method: "PUT", body: file }));
}

export async function picture(path, signal) {
  const response = await sent(path, { signal });
  if (!response.ok) await answered(response);
  return createImageBitmap(await response.blob());
}

async function sent(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(SILENT);
  }
}

async function answered(response) {
  let values;
  try {
    values = await response.json();
  } catch {
    throw new Problem({ reason: "PANEL_FAILED", message: `the panel failed (${response.status})`,
      next_step: "try again; if it stays so, report it with the panel's log" });
  }
  if (values.problem) throw new Problem(values.problem);
  return values;
}
