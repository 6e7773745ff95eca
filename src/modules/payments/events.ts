import { z } from 'zod'
import { postingsBody } from '#modules/ledger/index.ts'
import { defineEvent } from '#modules/trail/index.ts'
import { DEBIT_FAILURES } from './debit/model.ts'
import { CLOSE_REASONS, REFUND_CAUSES, SUSPENSE_REASONS } from './model.ts'
import { BREAK_CLASSES, BREAK_REASONS, RESOLUTIONS } from './reconcile/model.ts'

const order = <T extends z.ZodRawShape>(name: string, body: T) =>
  defineEvent({ type: `payments.${name}`, version: 1, subject: 'order', body: z.object(body) })

export const orderPlaced = order('order_placed', {
  amount_fen: z.int(),
  place: z.string(),
  lines: z.array(z.object({ subject_kind: z.string(), subject_id: z.string(), amount_fen: z.int() })),
})
export const attemptSubmitted = order('attempt_submitted', {
  attempt: z.string(),
  channel: z.string(),
  product: z.string(),
  out_trade_no: z.string(),
})
export const attemptAccepted = order('attempt_accepted', { attempt: z.string() })
export const attemptUnknown = order('attempt_unknown', { attempt: z.string(), why: z.string() })
export const attemptFailed = order('attempt_failed', { attempt: z.string(), why: z.string() })
export const attemptClosing = order('attempt_closing', { attempt: z.string(), why: z.enum(CLOSE_REASONS) })
export const attemptClosed = order('attempt_closed', { attempt: z.string() })
export const orderClosed = order('order_closed', { why: z.enum(CLOSE_REASONS) })
/** Written by the confirm statement itself; the shape below is what its SQL builds. */
export const orderPaid = order('order_paid', {
  attempt: z.string(),
  channel: z.string(),
  txn: z.string(),
  amount_fen: z.int(),
  ...postingsBody,
})
export const paymentSuspended = order('payment_suspended', { attempt: z.string(), reason: z.enum(SUSPENSE_REASONS), amount_fen: z.int() })
export const cashVoidAsked = order('cash_void_asked', { reason: z.string() })
export const cashVoidDeclined = order('cash_void_declined', {})
export const refundRequested = order('refund_requested', { refund: z.string(), amount_fen: z.int(), cause: z.enum(REFUND_CAUSES) })
export const refundDeclined = order('refund_declined', { refund: z.string() })
export const refundApproved = order('refund_approved', { refund: z.string() })
export const refundSubmitted = order('refund_submitted', { refund: z.string() })
export const refundUnknown = order('refund_unknown', { refund: z.string(), why: z.string() })
export const refundSucceeded = order('refund_succeeded', { refund: z.string(), amount_fen: z.int() })
export const refundClosed = order('refund_closed', { refund: z.string(), next: z.string() })
export const refundAbnormal = order('refund_abnormal', { refund: z.string(), why: z.string() })

const ofBreak = <T extends z.ZodRawShape>(name: string, body: T) =>
  defineEvent({ type: `payments.${name}`, version: 1, subject: 'break', body: z.object(body) })

export const breakOpened = ofBreak('break_opened', {
  class: z.enum(BREAK_CLASSES),
  severity: z.int().min(1).max(3),
  day: z.string(),
  channel: z.string(),
})
export const breakRaised = ofBreak('break_raised', { severity: z.int().min(1).max(3) })
export const breakProposed = ofBreak('break_proposed', { reason: z.enum(BREAK_REASONS) })
export const breakResolved = ofBreak('break_resolved', { resolution: z.enum(RESOLUTIONS), reason: z.enum(BREAK_REASONS).optional() })
export const bankFileTaken = defineEvent({
  type: 'payments.bank_file_taken',
  version: 1,
  subject: 'bank_file',
  body: z.object({ bank: z.string(), day: z.string(), rows: z.int(), fresh: z.int() }),
})
export const payoutBooked = defineEvent({
  type: 'payments.payout_booked',
  version: 1,
  subject: 'bank_file',
  body: z.object({ channel: z.string(), day: z.string(), days: z.int(), amount_fen: z.int(), fee_fen: z.int() }),
})
export const statementReconciled = defineEvent({
  type: 'payments.statement_reconciled',
  version: 1,
  subject: 'statement',
  body: z.object({
    channel: z.string(),
    day: z.string(),
    rows: z.int(),
    paid_fen: z.int(),
    refunded_fen: z.int(),
    breaks: z.int(),
  }),
})

const ofDrawer = <T extends z.ZodRawShape>(name: string, body: T) =>
  defineEvent({ type: `payments.${name}`, version: 1, subject: 'drawer_session', body: z.object(body) })

export const drawerOpened = ofDrawer('drawer_opened', { drawer: z.string(), opening_fen: z.int() })
export const drawerClosed = ofDrawer('drawer_closed', { drawer: z.string(), expected_fen: z.int(), counted_fen: z.int(), moves: z.int() })
/** Cash of a time without network has reached the books. */
export const offlineSettled = ofDrawer('offline_settled', {
  seq: z.int(),
  order: z.string(),
  amount_fen: z.int(),
  outcome: z.enum(['booked', 'returning', 'asking']),
})

/** Orders behind a figure left the system as a file. */
export const ordersExported = defineEvent({
  type: 'payments.orders_exported',
  version: 1,
  subject: 'export',
  body: z.object({
    day: z.string(),
    outcome: z.enum(['paid', 'refused', 'closed']),
    rows: z.int(),
    channel: z.string().optional(),
    place: z.string().optional(),
    cause: z.string().optional(),
  }),
})

const ofBatch = <T extends z.ZodRawShape>(name: string, body: T) =>
  defineEvent({ type: `payments.${name}`, version: 1, subject: 'debit_batch', body: z.object(body) })

export const debitBatchSealed = ofBatch('debit_batch_sealed', {
  batch_no: z.string(),
  rows: z.int(),
  total_fen: z.int(),
  sha256: z.string(),
})
export const debitBatchMoved = ofBatch('debit_batch_moved', { event: z.string() })
export const debitFileTaken = defineEvent({
  type: 'payments.debit_file_taken',
  version: 1,
  subject: 'debit_file',
  body: z.object({ kind: z.enum(['A', 'R', 'B']), batch: z.string().optional(), rows: z.int(), total_fen: z.int() }),
})
/** What became of one debit, for whoever asked for it. */
export const debitSettled = order('debit_settled', {
  attempt: z.string(),
  outcome: z.enum(['debited', 'failed', 'returned']),
  failure: z.enum(DEBIT_FAILURES).optional(),
})

const ofMandate = <T extends z.ZodRawShape>(name: string, body: T) =>
  defineEvent({ type: `payments.${name}`, version: 1, subject: 'bank_mandate', body: z.object(body) })

export const debitMandateMoved = ofMandate('debit_mandate_moved', {
  state: z.enum(['registering', 'active', 'refused']),
  why: z.string().optional(),
})
export const debitMandateEnded = ofMandate('debit_mandate_ended', {})
