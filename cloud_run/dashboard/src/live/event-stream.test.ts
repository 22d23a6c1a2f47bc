import { expect, test } from "vitest";
import { EventStreamReader } from "./event-stream";

const STREAM =
  'retry: 2000\n\n: alive\n\nid: 7\nevent: alert\ndata: {"a":\ndata: 1}\n\nevent: status\ndata: {}\n\n';

test("events come out the same however the stream is cut into pieces", () => {
  const expected = [
    { event: "alert", data: '{"a":\n1}', id: "7" },
    { event: "status", data: "{}", id: "7" },
  ];
  for (const text of [STREAM, STREAM.replaceAll("\n", "\r\n")]) {
    for (let size = 1; size <= text.length; size++) {
      const reader = new EventStreamReader();
      const found = [];
      for (let at = 0; at < text.length; at += size)
        found.push(...reader.push(text.slice(at, at + size)));
      expect(found).toEqual(expected);
      expect(reader.retryMs).toBe(2000);
    }
  }
});

test("what is not complete is not told", () => {
  expect(new EventStreamReader().push("event: alert\ndata: {}\n")).toEqual([]);
});
