/** Links that log somebody in once, as `guardian demo` hands them out: the page's address with #login=TOKEN. */
const LINK = /^#login=([\w-]{1,200})$/;

/** The token in the page's address, which is taken out of it and of the history at once; empty if there is none. */
export function takeLoginLink(): string {
  const token = LINK.exec(window.location.hash)?.[1];
  if (token === undefined) return "";
  window.history.replaceState(
    window.history.state,
    "",
    window.location.pathname + window.location.search,
  );
  return token;
}
