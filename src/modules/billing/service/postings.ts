import type { Ctx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { addMs } from '#kernel/time.ts'
import { refundOrder } from '#modules/payments/index.ts'
import { finishTask } from '#modules/tasks/index.ts'
import { append } from '#modules/trail/index.ts'
import { postingPosted, postingRejected, postingReversed, postingSent, rescueAnswered } from '../events.ts'
import { POSTING } from '../model.ts'
import type { BillerPort, PostingAnswer } from '../ports.ts'
import * as products from '../products/store.ts'
import * as store from '../store.ts'
import { findPort } from './clients.ts'

const S = 1_000
const AGAIN_MS = [3 * S, 10 * S, 30 * S, 60 * S, 300 * S, 900 * S, 3_600 * S]
export const postAgainAfterMs = (tries: number): number => AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)]!

/** Tells the biller of one payment, or asks how a message of ours went. Always under the same number. */
export async function workPosting(ctx: Ctx, postingId: string): Promise<void> {
  const { db } = ctx.kernel
  const found = await db.read(ctx.tenantId, async tx => {
    const posting = await store.findPosting(tx, ctx.tenantId, postingId)
    const port = posting && (await findPort(tx, ctx, posting.billerId))
    return port && { posting, port, bill: (await store.listBillsById(tx, ctx.tenantId, [posting.billId]))[0]! }
  })
  if (!found) return
  const { posting, bill } = found
  const told = bill.product ? orderingAt(found.port, bill.product) : found.port
  if (posting.state === POSTING.reversing) {
    const answer = await told.reverse(posting.id)
    // A biller that has nothing to take back, because it refused or never heard of it, says so when it is asked.
    return applyAnswer(ctx, posting, answer.kind === 'reversed' ? answer : await told.query(posting.id))
  }
  if (posting.state !== POSTING.held) {
    const known = await told.query(posting.id)
    if (known.kind !== 'missing') return applyAnswer(ctx, posting, known)
  }
  const sent = await db.tx(ctx.tenantId, async tx => {
    const moved = await store.movePosting(tx, ctx.tenantId, posting.id, [POSTING.held, POSTING.sent, POSTING.unknown], POSTING.sent, {
      dueAt: addMs(ctx.kernel.clock.now(), postAgainAfterMs(posting.tries)),
    })
    if (moved && posting.state === POSTING.held)
      await append(tx, ctx, postingSent, { subjectId: posting.orderId, body: { posting: posting.id, bill: posting.billId } })
    return moved
  })
  if (!sent) return
  const answer = await told.post({
    postingNo: posting.id,
    billNo: bill.billNo,
    accountNo: bill.accountNo,
    amountFen: posting.amountFen,
    lateFeeFen: posting.lateFeeFen,
    rebateFen: posting.rebateFen,
    paidAt: posting.paidAt,
  })
  await applyAnswer(ctx, { ...posting, state: POSTING.sent }, answer)
}

/** What was ordered goes to its biller as a posting does, by the messages for ordering. */
function orderingAt({ products: at }: BillerPort, { code, version }: NonNullable<store.BillRow['product']>): BillerPort {
  const nowhere = { kind: 'unknown' as const, why: 'nothing can be ordered from this biller' }
  return {
    post: async r =>
      at
        ? at.order({ orderNo: r.postingNo, product: code, version, accountNo: r.accountNo, amountFen: r.amountFen, orderedAt: r.paidAt })
        : nowhere,
    query: async no => at?.status(no) ?? nowhere,
    reverse: async no => at?.cancel(no) ?? nowhere,
  }
}

/** Gives back what was paid, if anything was. */
async function giveBack(tx: Tx, ctx: Ctx, posting: store.PostingRow, cause: 'biller_refused' | 'biller_reversed'): Promise<void> {
  if (posting.amountFen > 0) await refundOrder(tx, ctx, posting.orderId, cause)
  await answerByItself(tx, ctx, posting.orderId)
}

/** A message of ours may still be under way the first time the biller knows nothing of it. */
const MISSING_ASKS_MIN = 2

async function applyAnswer(ctx: Ctx, posting: store.PostingRow, answer: PostingAnswer): Promise<void> {
  const { db, clock } = ctx.kernel
  await db.tx(ctx.tenantId, async tx => {
    const now = clock.now()
    await store.setBillerOnline(tx, ctx.tenantId, posting.billerId, answer.kind !== 'unknown')
    const body = { posting: posting.id, bill: posting.billId }
    const open = [POSTING.sent, POSTING.unknown]
    const isNothingThere = answer.kind === 'missing' && posting.state === POSTING.reversing && posting.tries >= MISSING_ASKS_MIN
    if (answer.kind === 'posted' && (await store.movePosting(tx, ctx.tenantId, posting.id, open, POSTING.posted, { finishedAt: now }))) {
      await append(tx, ctx, postingPosted, { subjectId: posting.orderId, body })
      await products.endOrder(tx, ctx.tenantId, posting.billId, now)
    } else if (answer.kind === 'posted') {
      // Booked although its payer has the money back already, by a message that was long on its way: taken back once more.
      await store.reopenPosting(tx, ctx.tenantId, posting.id, [POSTING.reversed], POSTING.reversing, now)
    } else if (
      answer.kind === 'rejected' &&
      (await store.movePosting(tx, ctx.tenantId, posting.id, [POSTING.reversing, ...open], POSTING.rejected, {
        failure: answer.reason,
        finishedAt: now,
      }))
    ) {
      await append(tx, ctx, postingRejected, { subjectId: posting.orderId, body: { ...body, reason: answer.reason } })
      await products.endOrder(tx, ctx.tenantId, posting.billId, now)
      await giveBack(tx, ctx, posting, 'biller_refused')
    } else if (
      (answer.kind === 'reversed' || isNothingThere) &&
      (await store.movePosting(tx, ctx.tenantId, posting.id, [POSTING.reversing, ...open], POSTING.reversed, { finishedAt: now }))
    ) {
      await append(tx, ctx, postingReversed, { subjectId: posting.orderId, body })
      await products.endOrder(tx, ctx.tenantId, posting.billId, now)
      await giveBack(tx, ctx, posting, 'biller_reversed')
    } else if (answer.kind === 'accepted') {
      await store.movePosting(tx, ctx.tenantId, posting.id, open, POSTING.sent)
      await products.acceptOrder(tx, ctx.tenantId, posting.billId, now)
    } else if (answer.kind === 'unknown') {
      await store.movePosting(tx, ctx.tenantId, posting.id, open, POSTING.unknown, { failure: answer.why.slice(0, 200) })
    }
  })
}

/** The money goes back anyway: a request that still waits for an answer has none to wait for. */
async function answerByItself(tx: Tx, ctx: Ctx, orderId: string): Promise<void> {
  const rescue = await store.findRescue(tx, ctx.tenantId, orderId)
  if (rescue?.state !== 'asked') return
  if ((await store.answerRescue(tx, ctx.tenantId, orderId, 'returned', null, ctx.kernel.clock.now())) === 0) return
  await append(tx, ctx, rescueAnswered, { subjectId: orderId, body: { rescue: rescue.id, outcome: 'returned' } })
  if (rescue.taskId) await finishTask(tx, ctx, { taskId: rescue.taskId, outcome: 'cancelled' })
}

/** Whether all postings of an order were stopped or taken back; waits for whoever is about it. */
export async function isAllReversed(tx: Tx, ctx: Ctx, orderId: string): Promise<boolean> {
  const postings = await store.lockPostings(tx, ctx.tenantId, orderId)
  return postings.length > 0 && postings.every(posting => posting.state === POSTING.reversed)
}

/** Stops postings that the biller has not been told of. False when it knows of any: then it must agree first. */
export async function holdPostings(tx: Tx, ctx: Ctx, orderId: string): Promise<boolean> {
  const postings = await store.lockPostings(tx, ctx.tenantId, orderId)
  if (postings.some(p => p.state !== POSTING.held)) return false
  for (const posting of postings) {
    await store.movePosting(tx, ctx.tenantId, posting.id, [POSTING.held], POSTING.reversed, { finishedAt: ctx.kernel.clock.now() })
    await products.endOrder(tx, ctx.tenantId, posting.billId, ctx.kernel.clock.now())
    await append(tx, ctx, postingReversed, { subjectId: orderId, body: { posting: posting.id, bill: posting.billId } })
  }
  return true
}
