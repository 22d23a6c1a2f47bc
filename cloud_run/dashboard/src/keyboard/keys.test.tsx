import { fireEvent, render, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { useKeys } from "./keys";

function Page({ does }: { does: () => void }) {
  useKeys({ j: does });
  return (
    <>
      <input aria-label="text" />
      <input aria-label="tick" type="checkbox" />
      <textarea aria-label="note" />
      <button type="button">go</button>
    </>
  );
}

test("keys work on the page and on what is not for writing", () => {
  const does = vi.fn();
  render(<Page does={does} />);
  for (const target of [document.body, screen.getByText("go"), screen.getByLabelText("tick")]) {
    fireEvent.keyDown(target, { key: "j" });
  }
  expect(does).toHaveBeenCalledTimes(3);
});

test("whoever writes, or presses another combination, is left alone", () => {
  const does = vi.fn();
  render(<Page does={does} />);
  for (const target of [screen.getByLabelText("text"), screen.getByLabelText("note")]) {
    fireEvent.keyDown(target, { key: "j" });
  }
  for (const held of ["ctrlKey", "metaKey", "altKey"])
    fireEvent.keyDown(document.body, { key: "j", [held]: true });
  expect(does).not.toHaveBeenCalled();
});

test("an open dialog has the keys to itself", () => {
  const does = vi.fn();
  render(<Page does={does} />);
  const dialog = document.createElement("dialog");
  dialog.open = true;
  document.body.append(dialog);
  fireEvent.keyDown(document.body, { key: "j" });
  expect(does).not.toHaveBeenCalled();
  dialog.remove();
  fireEvent.keyDown(document.body, { key: "j" });
  expect(does).toHaveBeenCalledTimes(1);
});
