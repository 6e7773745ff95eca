import { z } from 'zod'
import { defineEvent } from '#modules/trail/index.ts'
import { DISPUTE_REASONS } from './dispute/model.ts'
import { RESCUE_REASONS, WAIVER_REASONS } from './model.ts'
import { FEATURES } from './switchover/model.ts'

export const batchImported = defineEvent({
  type: 'billing.batch_imported',
  version: 1,
  subject: 'batch',
  body: z.object({ biller: z.string(), rows: z.int(), total_fen: z.int(), sha256: z.string() }),
})
export const postingSent = defineEvent({
  type: 'billing.posting_sent',
  version: 1,
  subject: 'order',
  body: z.object({ posting: z.string(), bill: z.string() }),
})
/** It stands in no check file of the biller, which is asked and told once more. */
export const postingToldAgain = defineEvent({
  type: 'billing.posting_told_again',
  version: 1,
  subject: 'order',
  body: z.object({ posting: z.string(), bill: z.string() }),
})
export const remitBooked = defineEvent({
  type: 'billing.remit_booked',
  version: 1,
  subject: 'bank_file',
  body: z.object({ biller: z.string(), day: z.string(), days: z.int(), amount_fen: z.int() }),
})
export const checkCompared = defineEvent({
  type: 'billing.check_compared',
  version: 1,
  subject: 'check_file',
  body: z.object({ biller: z.string(), day: z.string(), rows: z.int(), sum_fen: z.int(), breaks: z.int() }),
})
export const postingPosted = defineEvent({
  type: 'billing.posting_posted',
  version: 1,
  subject: 'order',
  body: z.object({ posting: z.string(), bill: z.string() }),
})
export const postingRejected = defineEvent({
  type: 'billing.posting_rejected',
  version: 1,
  subject: 'order',
  body: z.object({ posting: z.string(), bill: z.string(), reason: z.string() }),
})
export const postingReversed = defineEvent({
  type: 'billing.posting_reversed',
  version: 1,
  subject: 'order',
  body: z.object({ posting: z.string(), bill: z.string() }),
})
const rampStep = z.object({ from: z.string(), pct: z.int() })
export const switchAsked = defineEvent({
  type: 'billing.switch_asked',
  version: 1,
  subject: 'switch_plan',
  body: z.object({ feature: z.enum(FEATURES), areas: z.array(z.string()), steps: z.array(rampStep), budget_e4: z.int() }),
})
export const switchDecided = defineEvent({
  type: 'billing.switch_decided',
  version: 1,
  subject: 'switch_plan',
  body: z.object({ is_agreed: z.boolean() }),
})
export const switchEnded = defineEvent({
  type: 'billing.switch_ended',
  version: 1,
  subject: 'switch_plan',
  body: z.object({ why: z.enum(['budget', 'person', 'replaced', 'restored']), tries: z.int().optional(), failures: z.int().optional() }),
})
export const areaRuleSet = defineEvent({
  type: 'billing.area_rule_set',
  version: 1,
  subject: 'area',
  body: z.object({ prefix: z.string() }),
})
export const areaRuleRemoved = defineEvent({ type: 'billing.area_rule_removed', version: 1, subject: 'area_rule', body: z.object({}) })
export const paymentUndone = defineEvent({ type: 'billing.payment_undone', version: 1, subject: 'order', body: z.object({}) })
const ofTaxInvoice = { invoice: z.string(), bill: z.string() }
export const taxInvoiceAsked = defineEvent({
  type: 'billing.tax_invoice_asked',
  version: 1,
  subject: 'order',
  body: z.object(ofTaxInvoice),
})
export const taxInvoiceIssued = defineEvent({
  type: 'billing.tax_invoice_issued',
  version: 1,
  subject: 'order',
  body: z.object({ ...ofTaxInvoice, number: z.string() }),
})
export const taxInvoiceRefused = defineEvent({
  type: 'billing.tax_invoice_refused',
  version: 1,
  subject: 'order',
  body: z.object({ ...ofTaxInvoice, reason: z.string() }),
})
export const disputeAsked = defineEvent({
  type: 'billing.dispute_asked',
  version: 1,
  subject: 'bill',
  body: z.object({ dispute: z.string(), reason: z.enum(DISPUTE_REASONS) }),
})
export const disputeWithdrawn = defineEvent({
  type: 'billing.dispute_withdrawn',
  version: 1,
  subject: 'bill',
  body: z.object({ dispute: z.string() }),
})
export const disputeAnswered = defineEvent({
  type: 'billing.dispute_answered',
  version: 1,
  subject: 'bill',
  body: z.object({ dispute: z.string(), outcome: z.enum(['upheld', 'kept']) }),
})
export const rescueAsked = defineEvent({
  type: 'billing.rescue_asked',
  version: 1,
  subject: 'order',
  body: z.object({ rescue: z.string(), reason: z.enum(RESCUE_REASONS) }),
})
export const rescueAnswered = defineEvent({
  type: 'billing.rescue_answered',
  version: 1,
  subject: 'order',
  body: z.object({ rescue: z.string(), outcome: z.enum(['returned', 'declined']) }),
})
/** The receipt: everything a receipt says, bound to the payment; name and account only as salted commitments or last digits. */
export const receiptIssued = defineEvent({
  type: 'billing.receipt_issued',
  version: 1,
  subject: 'order',
  body: z.object({
    receipt_no: z.string(),
    order: z.string(),
    amount_fen: z.int(),
    paid_at: z.string(),
    channel: z.string(),
    txn: z.string(),
    biller: z.string(),
    bill_no: z.string(),
    account_last4: z.string(),
    period: z.string(),
  }),
})
/** A member of staff looked at an order: reading personal data is an act. */
export const orderRead = defineEvent({ type: 'billing.order_read', version: 1, subject: 'order', body: z.object({}) })
/** A member of staff looked at a bill and the others of its account. */
export const billRead = defineEvent({ type: 'billing.bill_read', version: 1, subject: 'bill', body: z.object({}) })
export const clientSet = defineEvent({
  type: 'billing.client_set',
  version: 1,
  subject: 'biller',
  body: z.object({ purpose: z.string(), client: z.string() }),
})
export const clientRevoked = defineEvent({
  type: 'billing.client_revoked',
  version: 1,
  subject: 'biller',
  body: z.object({ purpose: z.string(), client: z.string() }),
})
export const accountRefreshed = defineEvent({
  type: 'billing.account_refreshed',
  version: 1,
  subject: 'account',
  body: z.object({ biller: z.string(), found: z.int(), corrected: z.int(), settled: z.int(), reopened: z.int().optional() }),
})
/** A biller's file about a day: made once, its digest on the record. */
export const settlementMade = defineEvent({
  type: 'billing.settlement_made',
  version: 1,
  subject: 'settlement',
  body: z.object({
    biller: z.string(),
    day: z.string(),
    rows: z.int(),
    collected_fen: z.int(),
    returned_fen: z.int(),
    sha256: z.string(),
  }),
})

/** A resident agreed to what a biller offers: the words themselves stay with the ordering. Its payment carries the same id where it has one. */
export const productOrdered = defineEvent({
  type: 'billing.product_ordered',
  version: 1,
  subject: 'order',
  body: z.object({
    ordering: z.string(),
    biller: z.string(),
    product: z.string(),
    version: z.string(),
    amount_fen: z.int(),
    wording_sha256: z.string(),
  }),
})
/** What cost nothing was taken back before its biller was told. */
export const productUndone = defineEvent({ type: 'billing.product_undone', version: 1, subject: 'order', body: z.object({}) })

const ofJourney = <T extends z.ZodRawShape>(name: string, body: T) =>
  defineEvent({ type: `billing.journey_${name}`, version: 1, subject: 'journey', body: z.object(body) })

/** Somebody was shown a bill with the way to pay it; who is not on the record. */
export const journeyBegun = ofJourney('begun', { bill: z.string(), place: z.string(), way: z.string() })
export const journeyConfirmed = ofJourney('confirmed', { order: z.string() })
/** The receipt was shown: the journey is over. */
export const journeyEnded = ofJourney('ended', { order: z.string() })

export const ruleAsked = defineEvent({
  type: 'billing.rule_asked',
  version: 1,
  subject: 'rule',
  body: z.object({
    biller: z.string(),
    valid_from: z.string(),
    rule: z.object({ grace_days: z.int(), rate_per_day_e6: z.int(), minimum_fen: z.int() }),
  }),
})
export const ruleDecided = defineEvent({
  type: 'billing.rule_decided',
  version: 1,
  subject: 'rule',
  body: z.object({ is_agreed: z.boolean() }),
})
export const waiverAsked = defineEvent({
  type: 'billing.waiver_asked',
  version: 1,
  subject: 'waiver',
  body: z.object({ account: z.string(), from: z.string(), to: z.string(), reason: z.enum(WAIVER_REASONS) }),
})
export const waiverDecided = defineEvent({
  type: 'billing.waiver_decided',
  version: 1,
  subject: 'waiver',
  body: z.object({ is_agreed: z.boolean() }),
})
/** A resident agreed to a mandate or to another version of it: the words themselves stay with the mandate. */
export const debitGiven = defineEvent({
  type: 'billing.debit_given',
  version: 1,
  subject: 'debit_mandate',
  body: z.object({
    version: z.int(),
    ceiling_fen: z.int(),
    days_before: z.int(),
    until_on: z.string().optional(),
    wording_sha256: z.string(),
  }),
})
export const debitEnded = defineEvent({
  type: 'billing.debit_ended',
  version: 1,
  subject: 'debit_mandate',
  body: z.object({ why: z.enum(['by_payer', 'replaced', 'term_over', 'share_ended', 'bank_refused', 'suspended']) }),
})
/** Payments the system before this one took, to be looked up. */
export const pastImported = defineEvent({
  type: 'billing.past_imported',
  version: 1,
  subject: 'past_batch',
  body: z.object({ biller: z.string(), rows: z.int(), kept: z.int(), kept_fen: z.int(), sha256: z.string() }),
})
/** The old system's payments of a day were held against ours. */
export const shadowCompared = defineEvent({
  type: 'billing.shadow_compared',
  version: 1,
  subject: 'shadow_file',
  body: z.object({ biller: z.string(), day: z.string(), rows: z.int(), total_fen: z.int(), differences: z.int(), sha256: z.string() }),
})

export const configKept = defineEvent({
  type: 'billing.config_kept',
  version: 1,
  subject: 'config_version',
  body: z.object({ sha256: z.string() }),
})
