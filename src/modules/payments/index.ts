export { type AlipayConfig, alipayChannel } from './adapters/alipay/index.ts'
export { type DebitBankConfig, debitBank } from './adapters/bank/index.ts'
export { type WechatConfig, wechatChannel } from './adapters/wechat/index.ts'
export { CARD } from './card/model.ts'
export { bringCardStatement, type CardTaken, confirmCardRefund, payOrderByCard, type Slip, viewCardDesk } from './card/service.ts'
export { DENOMINATIONS_FEN } from './cash/model.ts'
export {
  findOffline,
  keepOffline,
  listOpenOffline,
  listOwnOffline,
  type OfflineAct,
  type OfflineKey,
  type OfflineMeans,
  settleOffline,
} from './cash/offline.ts'
export {
  askVoid,
  type CashTaken,
  closeDrawer,
  findDrawerReport,
  listDrawerSessions,
  listVoidsWaiting,
  openDrawer,
  payOrderInCash,
  payOutCash,
  type SessionReport,
  settleVoid,
  viewDrawer,
  windowPayer,
} from './cash/service.ts'
export { listCashierDays } from './cash/store.ts'
export { findMiniSignIn, findPayerSignIn, listChannels, useChannel } from './channels.ts'
export { confirmMany, type PaidFact } from './confirm.ts'
export {
  type Collections,
  exportRecords,
  listRecords,
  type OrderFilter,
  type OrderRecord,
  RECORDS_EXPORTED_MAX,
  RECORDS_PAGE,
  todayOf,
  viewCollections,
  viewMonthMoney,
} from './console/service.ts'
export { sqlHeldSubjects, sqlOrderSteps, sqlOrderTries, sqlSubjectMoney } from './console/store.ts'
export { addToBatch } from './debit/batches.ts'
export { checkDebits } from './debit/doctor.ts'
export { runDebitExchange } from './debit/exchange.ts'
export {
  type BankMandate,
  endMandate,
  type MandateEnd,
  type MandateStanding,
  mapMandates,
  openMandate,
  registerMandate,
} from './debit/mandates.ts'
export { DEBIT_FAILURES, type DebitFailure, readCard, SEAL_AT } from './debit/model.ts'
export { type DebitBank, findDebitBank, useDebitBank } from './debit/ports.ts'
export {
  countLateBatches,
  type DebitBatch,
  type DebitBatchDetail,
  type DebitFileView,
  findDebitBatch,
  listDebitBatches,
  mapOrderDebits,
  type OrderDebit,
} from './debit/view.ts'
export { checkPayments } from './doctor.ts'
export { errors as paymentErrors } from './errors.ts'
export * as paymentEvents from './events.ts'
export { runJanitor, runRefunds, startJobs as startPaymentJobs } from './jobs.ts'
export {
  attemptStateOf,
  DEBIT,
  ORDER_MS_MAX,
  orderStateOf,
  outTradeNoOf,
  PREPAID,
  PREPAY_SUBJECT,
  paidEventOf,
  readOutTradeNo,
  refundStateOf,
  STAFF_REFUND_CAUSES,
  UNDO_MS_MAX,
} from './model.ts'
export { receiveNotification } from './notifications.ts'
export { type ChannelCode, type CreateInput, type PayerSignIn, type PaymentChannel, StatementRefused } from './ports.ts'
export {
  ensurePrepaid,
  findPrepaid,
  listPrepaid,
  listPrepaidMoves,
  type Prepaid,
  type PrepaidMove,
  payFromPrepaid,
} from './prepaid/service.ts'
export {
  type Break,
  countOpenBreaks,
  type Decision,
  decideBreak,
  findBreak,
  needsTwo,
  type Reconciliation,
  reasonsFor,
  viewReconciliation,
} from './reconcile/breaks.ts'
export { lastReadyDay, runClose } from './reconcile/close.ts'
export { type Brought, bringStatement } from './reconcile/halves.ts'
export { BREAKS_MAX, CARRY_DAYS, type Resolution } from './reconcile/model.ts'
export {
  billerOf,
  endPutOff,
  keepOutsideBreaks,
  listPutOff,
  lockOutsideBreaks,
  type OutsideBreak,
  partyOf,
  putOffFile,
  resolveOutsideBreak,
  sqlOutsideBreaks,
} from './reconcile/outside.ts'
export { type Reconciled, readStatementFile, reconcileStatement, type StatementFile } from './reconcile/service.ts'
export { routes as paymentRoutes } from './routes.ts'
export { askChannel, closeOrder, type Launch, type Started, startAttempt } from './service/attempts.ts'
export { ensureMerchant, type Recorded, recordPaid } from './service/facts.ts'
export { returnMismatch } from './service/mismatch.ts'
export {
  type Claim,
  findOrderByCode,
  findOrderById,
  findOrderOfAttempt,
  findOrderOfTransaction,
  getOrder,
  listClaims,
  listDeskOrders,
  listOrdersOf,
  listPaidOf,
  listPaidParts,
  ORDERS_PAGE,
  type OrderLineInput,
  type OrderView,
  type PaidPart,
  type PlacedOrder,
  placeOrder,
} from './service/orders.ts'
export {
  findFirstDay,
  findOpenDay,
  listPayeeMovements,
  listPayeeMovementsOf,
  type OpenDay,
  type PayeeMovement,
  sqlPayeeNet,
} from './service/payees.ts'
export { isGivenBack, notifyUrlOf, refundOrder } from './service/refunds.ts'
export {
  countRefundsWaiting,
  decideRefund,
  findRefundOffer,
  listRefundsWaiting,
  requestRefund,
} from './service/staff-refunds.ts'
export { hasGraveBreak, keepMoneyBreaks, type MoneyBreak } from './settle/breaks.ts'
export { checkBank } from './settle/doctor.ts'
export { feeFenOf, netOf } from './settle/model.ts'
export { type BankTaken, type BankView, ensureBankAccount, runPayouts, takeBankFile, viewBank } from './settle/service.ts'
export {
  bankRef,
  findBankAccount,
  listUnbooked,
  lockBank,
  type Movement as BankMovement,
  mapRemitMovements,
  markBooked,
} from './settle/store.ts'
