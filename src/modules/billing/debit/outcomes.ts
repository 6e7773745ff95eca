import type { Ctx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { addMs, OFFICE_HOURS } from '#kernel/time.ts'
import { DEBIT_FAILURES, type DebitFailure } from '#modules/payments/index.ts'
import { defineTaskKind, openTask } from '#modules/tasks/index.ts'
import { subscribe } from '#modules/trail/index.ts'
import { isReversible } from '../dues.ts'
import { POSTING } from '../model.ts'
import { holdPostings, postAgainAfterMs } from '../service/postings.ts'
import * as bills from '../store.ts'
import { endWithShare } from './endings.ts'
import { applyStanding, suspend } from './mandates.ts'
import { messages as en } from './messages.en.ts'
import { messages as zh } from './messages.zh-CN.ts'
import { RETRY_POLICY } from './model.ts'
import { tell } from './notices.ts'
import * as store from './store.ts'

const OFFICE_DAY_MIN = OFFICE_HOURS.spans.reduce((sum, [open, close]) => sum + close - open, 0)
const RETURNED_TASK = defineTaskKind({ kind: 'billing.debit_returned', clock: 'working', minutes: OFFICE_DAY_MIN })

interface Settled {
  readonly orderId: string
  readonly outcome: 'debited' | 'failed' | 'returned'
  readonly failure: DebitFailure | null
}

/** What the bank made of a debit, in the words of the mandate it was asked by: the try, the next one, the posting, the payer. */
async function follow(tx: Tx, ctx: Ctx, settled: Settled): Promise<void> {
  const { tenantId } = ctx
  const { orderId, outcome, failure } = settled
  const of = await store.findMandateOfOrder(tx, tenantId, orderId)
  const mandate = of && (await store.lockMandate(tx, tenantId, of.id))
  if (!mandate) return
  const from = outcome === 'returned' ? ['debited', 'waiting'] : ['waiting']
  const at = ctx.kernel.clock.now()
  if (!(await store.settleItem(tx, tenantId, orderId, from, { outcome, failure, at }))) return
  const item = (await store.findItemOfOrder(tx, tenantId, orderId))!
  const { amountFen } = item
  const say = (template: 'debit_done' | 'debit_retry' | 'debit_failed' | 'debit_returned' | 'debit_suspended') =>
    tell(tx, ctx, mandate, {
      template,
      dedupeKey: `${template}:${orderId}`,
      amountFen,
      params: { why: (mandate.lang === 'en' ? en : zh)[failure ?? 'refused'] },
    })
  if (outcome === 'debited') return say('debit_done')
  if (outcome === 'returned') {
    await reversePostings(tx, ctx, orderId)
    await suspend(tx, ctx, mandate, 'returned')
    return say('debit_returned')
  }
  const policy = RETRY_POLICY[failure ?? 'refused']
  if (policy.suspends) {
    await suspend(tx, ctx, mandate, failure ?? 'refused')
    return say('debit_suspended')
  }
  const failures = (await store.listItemsOfBills(tx, tenantId, mandate.id, [item.billId])).filter(one => one.outcome === 'failed').length
  const goesOn = mandate.state === 'active' && failures < policy.tries
  return say(goesOn ? 'debit_retry' : 'debit_failed')
}

/** The biller still holds the bill as paid: it takes that back while it does so by itself, else somebody calls it. */
async function reversePostings(tx: Tx, ctx: Ctx, orderId: string): Promise<void> {
  const { tenantId } = ctx
  if (await holdPostings(tx, ctx, orderId)) return
  const now = ctx.kernel.clock.now()
  const told = [POSTING.posted, POSTING.sent, POSTING.unknown]
  for (const posting of await bills.lockPostings(tx, tenantId, orderId)) {
    const biller = (await bills.findBiller(tx, tenantId, posting.billerId))!
    if (isReversible(posting.paidAt, now, biller.rules)) {
      await bills.reopenPosting(tx, tenantId, posting.id, told, POSTING.reversing, addMs(now, postAgainAfterMs(0)))
    } else if (told.some(state => state === posting.state)) {
      const title = `debit_returned ${posting.billerId} ${posting.id.slice(-6)}`
      await openTask(tx, ctx, { kind: RETURNED_TASK.kind, subjectKind: 'order', subjectId: orderId, title })
    }
  }
}

/** Follows the news about debits and mandates that payments sends. */
export function registerDebits(): void {
  subscribe({
    name: 'billing.debits',
    types: ['payments.debit_settled', 'payments.debit_mandate_moved', 'identity.share_revoked'],
    async handle({ tx, ctx, entry }) {
      if (entry.type === 'payments.debit_mandate_moved') {
        await applyStanding(tx, ctx, entry.subject.id)
        return
      }
      if (entry.type === 'identity.share_revoked') {
        await endWithShare(tx, ctx, { ownerId: entry.subject.id, otherId: String(entry.body.other) })
        return
      }
      const { outcome, failure } = entry.body as { outcome: Settled['outcome']; failure?: string }
      const known = DEBIT_FAILURES.find(one => one === failure) ?? null
      await follow(tx, ctx, { orderId: entry.subject.id, outcome, failure: known })
    },
  })
}
