import { expect, test } from "vitest";
import type { Alert, Catalogue } from "../api/types";
import { alertOfDocument, type AlertFields } from "./alert-document";
import told from "./alert-documents.json";

const catalogue = told.catalogue as Catalogue;

// Made by Python from what the machine writes, and what the API says of it.
test.each(told.alerts.map((one) => [one.item.alert_id, one] as const))(
  "%s is told as the API tells it",
  (_, { fields, item }) => {
    const alert = alertOfDocument(fields as AlertFields, catalogue);
    expect(alert).toEqual(item as unknown as Alert);
    expect(Object.keys(alert)).toEqual(Object.keys(item));
  },
);

test("without a catalogue, a type goes by its own name, and there is no value", () => {
  const fields = told.alerts.find((one) => one.item.alert_id === "al_worth_3")?.fields as AlertFields;
  const alert = alertOfDocument(fields, { titles: {}, prices: {} });
  expect(alert).toMatchObject({ title: "Long queue", value_at_risk: null });
});
