/** The API's own types, by short names. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Alert = Schemas["AlertItem"];
export type AlertDetail = Schemas["AlertDetail"];
export type AlertPage = Schemas["AlertPageItem"];
/** What has a default may be left out of a request. */
export type AlertChange = Pick<Schemas["AlertChange"], "action"> & Partial<Schemas["AlertChange"]>;
export type LoggedEvent = Schemas["EventItem"];
export type HistoryEntry = Schemas["AuditItem"];
export type Severity = Schemas["Severity"];
export type MachineStatus = Schemas["Status"];
export type Workflow = Schemas["Workflow"];
export type Role = Schemas["Role"];
export type User = Schemas["UserItem"];
export type LoggedIn = Schemas["LoggedIn"];
export type LoginConfig = Schemas["LoginConfig"];
export type FirebaseLogin = Schemas["FirebaseLogin"];
export type Catalogue = Schemas["CatalogueItem"];
export type Status = Schemas["StatusItem"];
export type Station = Schemas["StationItem"];
export type Overview = Schemas["DashboardItem"];
export type Threats = Schemas["ThreatsItem"];
export type Detectors = Schemas["DetectorList"];
export type ReportList = Schemas["ReportList"];
export type ReportResult = Schemas["ReportResult"];
export type StockItem = Schemas["StockItem"];
export type StockPage = Schemas["StockPage"];
export type Job = Schemas["JobItem"];
export type CodeList = Schemas["CodeList"];
export type Verdict = Schemas["VerdictItem"];
export type CodeHistory = Schemas["CodeHistory"];
export type Person = Schemas["Person"];
