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
export { DISPUTE_REASONS, type DisputeReason } from './dispute/model.ts'
export {
  answerDispute,
  askDispute,
  countDisputes,
  DISPUTE_WORKING_DAYS,
  DISPUTES_PAGE,
  type Dispute,
  findDispute,
  isDisputable,
  listDisputes,
  readDisputeNote,
  withdrawDispute,
} from './dispute/service.ts'
export { type BillerRule, dueFen, PART_FIRST, partRange } from './dues.ts'
export { errors as billingErrors } from './errors.ts'
export * as billingEvents from './events.ts'
export { type ImportInput, importBills } from './import/index.ts'
export { columnsUsed, type Layout, type Mapping, mappingSchema, paymentColumns } from './import/mapping.ts'
export { findLayouts, listPrintBills, markSettledBefore, type NewBiller, type PrintBill, registerBiller } from './import/register.ts'
export { explainFault, type FaultCode, type ImportReport, type RowError } from './import/report.ts'
export { registerReceipts, runPostings, startJobs as startBillingJobs } from './jobs.ts'
export {
  type BillerConfig,
  cleanAccountNo,
  type FeeLine,
  isAccountNo,
  POSTING,
  type Precheck,
  postingStateOf,
  RESCUE_REASONS,
  type RescueReason,
  WAIVER_REASONS,
} from './model.ts'
export { DIFFERENCES, EXPLAINED, type ShadowClass } from './past/model.ts'
export {
  checkPast,
  importPast,
  listPastPayments,
  type PastPayment,
  type PastReport,
  type PaymentsFile,
  SHADOW_DAYS,
  type ShadowDay,
  type ShadowDayView,
  type ShadowedBiller,
  type ShadowReport,
  type ShadowView,
  shadowDay,
  viewShadow,
  viewShadowDay,
} from './past/service.ts'
export type { ReadBill, ReadField } from './photo/fields.ts'
export { PHOTO_LIMITS, type PhotoLimits } from './photo/limits.ts'
export { createPhotoReader, type PhotoReader } from './photo/reader.ts'
export { readBillPhoto } from './photo/service.ts'
export { isPhotoInstalled } from './photo/worker.ts'
export type { BillerPort } from './ports.ts'
export { openTopUp, type PrepaidView, runPrepaid, TOP_UP_FEN_MIN, TOP_UPS_FEN, topUp, viewPrepaid } from './prepaid/service.ts'
export { listOrderable, type Offer, type Offers, readOffer, viewOffers } from './products/catalogue.ts'
export { checkProducts } from './products/doctor.ts'
export type { ProductAmounts, ProductBody, ProductState } from './products/model.ts'
export { getProductOrder, listProductOrders, orderProduct, type ProductOrder, undoProduct } from './products/order.ts'
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
  isHeldBack,
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
export { type ConfigVersion, findConfigVersion, keepConfigVersion, listConfigVersions } from './service/config-versions.ts'
export { type BillerHealth, viewBillers } from './service/health.ts'
export { beginJourney, endJourney, IN_TIME_S_MAX, viewFunnel } from './service/journeys.ts'
export { type Month, type MonthDay, viewMonth } from './service/month.ts'
export { runOffline, type Uploaded, uploadOffline } from './service/offline.ts'
export { type PayBills, payBills, quotePart } from './service/pay.ts'
export { type PaymentYear, viewPaymentYear, type YearPayment } from './service/payment-year.ts'
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
  type RulesView,
  viewRules,
  type WaiverAsked,
} from './service/rules.ts'
export {
  checkSettlements,
  readCorrected,
  readSettlement,
  runSettlements,
  type Settlement,
  viewSettlements,
} from './service/settlements.ts'
export { staffActor } from './service/staff.ts'
export { listSignals } from './service/watch.ts'
export { FEATURES, type Feature, type RampStep, type Terms as SwitchTerms } from './switchover/model.ts'
export {
  askSwitch,
  decideSwitch,
  type PlanView,
  previewSwitch,
  removeAreaRule,
  restoreFeature,
  runSwitchover,
  type SwitchoverView,
  type SwitchPreview,
  setAreaRule,
  standingOf,
  takeBack,
  viewSwitchover,
} from './switchover/service.ts'
export { askTaxInvoices, givesTaxInvoices, runTaxInvoices, type TaxInvoicesView, viewTaxInvoices } from './tax-invoice/service.ts'
export { type Signal, WATCH_DAYS } from './watch.ts'
