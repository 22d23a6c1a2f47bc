/** What went wrong with a request, in words for people. */
import type { Alert } from "./types";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    /** The problem's short word, such as `stale`; empty if the answer was not a problem document. */
    readonly kind: string,
    detail: string,
    readonly fields: readonly { field: string; message: string }[] = [],
    /** With 412: the alert as it is now. */
    readonly current: Alert | null = null,
    /** Seconds that the server asks to wait; null if it does not say. */
    readonly retryAfterS: number | null = null,
  ) {
    super(detail);
    this.name = "ApiError";
  }
}

/** The error that an answer tells of. */
export async function problemOf(response: Response): Promise<ApiError> {
  const wait = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  let body: unknown = null;
  try {
    body = await response.json();
  } catch {
    // A proxy's page, or nothing: the status has to do.
  }
  const document = (typeof body === "object" && body !== null ? body : {}) as {
    type?: string;
    detail?: string;
    errors?: { field: string; message: string }[];
    current?: Alert;
  };
  return new ApiError(
    response.status,
    document.type?.split("#problem-")[1] ?? "",
    document.detail || `The server answered ${response.status}.`,
    document.errors ?? [],
    document.current ?? null,
    Number.isFinite(wait) ? wait : null,
  );
}

/** For people: what happened, and what they can do about it. */
export function explain(error: unknown): string {
  if (error instanceof ApiError) {
    const fields = error.fields.map(({ field, message }) => `${field}: ${message}`).join("; ");
    if (error.status === 403) return `You may not do this: ${error.message}.`;
    if (error.status === 503) return `Not available at present: ${error.message}.`;
    return fields && !error.message.includes(fields) ? `${error.message} (${fields})` : error.message;
  }
  if (error instanceof TypeError) return "The server cannot be reached. Check the connection.";
  return error instanceof Error ? error.message : "Something went wrong.";
}
