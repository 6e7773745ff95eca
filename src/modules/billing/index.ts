export { type BillerApiConfig, billerApi } from './adapters/biller-api.ts'
export { checkChecks } from './checks/doctor.ts'
export { checkLayoutSchema } from './checks/layout.ts'
export { lastCheckDay, runChecks } from './checks/run.ts'
export { type Checked, checkLayoutOf, compareCheckFile, listCheckFiles, readCheckFile } from './checks/service.ts'
export { runDebitCollect } from './debit/collect.ts'
export { checkMandates } from './debit/doctor.ts'
export { type Consent, changeDebit, switchOffDebit, switchOnDebit } from './debit/mandates.ts'
export { CEILING_FEN_MAX, CEILINGS_FEN, DAYS_BEFORE, type Terms as DebitTerms } from './debit/model.ts'
export { registerDebits } from './debit/outcomes.ts'
export { type Debit, findDebitOf, hasDebitBank, listDebits, type NextDebit, previewDebit } from './debit/view.ts'
export { errors as billingErrors } from './errors.ts'
export * as billingEvents from './events.ts'
export { type ImportInput, importBills } from './import/index.ts'
export { columnsUsed, type Mapping, mappingSchema } from './import/mapping.ts'
export { findBillLayout, listPrintBills, markSettledBefore, type NewBiller, type PrintBill, registerBiller } from './import/register.ts'
export { explainFault, type FaultCode, type ImportReport, type RowError } from './import/report.ts'
export { registerReceipts, runPostings, startJobs as startBillingJobs } from './jobs.ts'
export {
  type BillerConfig,
  cleanAccountNo,
  type FeeLine,
  isAccountNo,
  type LateFeeRule,
  lateFeeFen,
  POSTING,
  type Precheck,
  postingStateOf,
  RESCUE_REASONS,
  type RescueReason,
  WAIVER_REASONS,
} from './model.ts'
export type { ReadBill, ReadField } from './photo/fields.ts'
export { PHOTO_LIMITS, type PhotoLimits } from './photo/limits.ts'
export { createPhotoReader, type PhotoReader } from './photo/reader.ts'
export { readBillPhoto } from './photo/service.ts'
export { isPhotoInstalled } from './photo/worker.ts'
export type { BillerPort } from './ports.ts'
export { type PushHeaders, receivePush, signPush, verifyPush } from './push.ts'
export { checkRemits, listOwed, type Owed, runRemits } from './remit/service.ts'
export { routes as billingRoutes } from './routes.ts'
export {
  type BillForPayer,
  type BillState,
  bindAccount,
  findAccount,
  findBillById,
  findBillOfOrder,
  getBill,
  listBillers,
  listBindings,
  listOpenBills,
  listTariffs,
  readBill,
  SEARCHED_MAX,
  searchBills,
  unbindAccount,
} from './service/bills.ts'
export { askCashVoid, decideCashVoid, payByCard, payInCash } from './service/cash.ts'
export { ensureClient, listClients, type NewClient, revokeClient, usePort } from './service/clients.ts'
export { type BillerHealth, viewBillers } from './service/health.ts'
export { beginJourney, endJourney, IN_TIME_S_MAX, viewFunnel } from './service/journeys.ts'
export { type Month, type MonthDay, viewMonth } from './service/month.ts'
export { runOffline, type Uploaded, uploadOffline } from './service/offline.ts'
export { type PayBills, payBills } from './service/pay.ts'
export { findOrderOfReceipt, findReceipt, listPostings, listReceipts, noteRead, proveReceipt, type Receipt } from './service/receipts.ts'
export { issueReminders, registerNews } from './service/reminders.ts'
export {
  answerRescue,
  askRescue,
  countAskedRescues,
  findRescue,
  findUndo,
  listAskedRescues,
  mapRescues,
  RESCUE_WORKING_DAYS,
  RESCUES_PAGE,
  type Rescue,
  readRescueNote,
  undoPayment,
} from './service/rescue.ts'
export {
  askRule,
  askWaiver,
  decideRule,
  decideWaiver,
  previewRule,
  type RuleChange,
  type RulePreview,
  type RuleProposal,
  viewRules,
  type WaiverAsked,
} from './service/rules.ts'
export {
  checkSettlements,
  readSettlement,
  runSettlements,
  type Settlement,
  viewSettlements,
} from './service/settlements.ts'
export { staffActor } from './service/staff.ts'
export { listSignals } from './service/watch.ts'
export { type Signal, WATCH_DAYS } from './watch.ts'
