export { type BillerApiConfig, billerApi } from './adapters/biller-api.ts'
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
  lateFeeFen,
  POSTING,
  type Precheck,
  postingStateOf,
  RESCUE_REASONS,
  type RescueReason,
} from './model.ts'
export type { BillerPort } from './ports.ts'
export { type PushHeaders, receivePush, signPush, verifyPush } from './push.ts'
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
export { askCashVoid, decideCashVoid, payInCash } from './service/cash.ts'
export { ensureClient, listClients, type NewClient, revokeClient, usePort } from './service/clients.ts'
export { type PayBills, payBills } from './service/pay.ts'
export { findOrderOfReceipt, findReceipt, listPostings, listReceipts, noteRead, proveReceipt, type Receipt } from './service/receipts.ts'
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
  checkSettlements,
  readSettlement,
  runSettlements,
  type Settlement,
  viewSettlements,
} from './service/settlements.ts'
export { staffActor } from './service/staff.ts'
