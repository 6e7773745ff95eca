import { type Ctx, makeId } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { findPhoneForMessage } from '#modules/identity/index.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { attemptClosed, debitMandateEnded, debitMandateMoved } from '../events.ts'
import { ATTEMPT, askAgainAfterMs } from '../model.ts'
import { finishOrder } from '../service/attempts.ts'
import * as payments from '../store.ts'
import { BATCH, MANDATE, ROW, readCard } from './model.ts'
import { findDebitBank, type MandateAnswer } from './ports.ts'
import * as store from './store.ts'

const cardCell = (id: string): string => `payments|debit_mandate|card|${id}`

export const openCard = (ctx: Ctx, m: Pick<store.MandateRow, 'id' | 'cardSealed'>): string =>
  ctx.kernel.vault.open(ctx.tenantId, cardCell(m.id), m.cardSealed)

export type MandateStanding = 'registering' | 'active' | 'refused' | 'ended'

const standingOf = (state: number): MandateStanding =>
  state === MANDATE.registering ? 'registering' : state === MANDATE.active ? 'active' : state === MANDATE.refused ? 'refused' : 'ended'

/**
 * Writes a payer's leave to debit a card down, in the caller's transaction; the bank is told afterwards (`registerMandate`), so
 * that a crash in between leaves something to ask about. `payer` is 'resident:<id>': the bank compares their telephone.
 */
export async function openMandate(
  tx: Tx,
  ctx: Ctx,
  input: { readonly payer: string; readonly card: string },
): Promise<Result<{ readonly mandateId: string; readonly cardMask: string }>> {
  const bank = findDebitBank(ctx.tenantId)
  if (!bank) return fail(errors.debit_bank_missing)
  const card = readCard(input.card)
  if (!card) return fail(errors.card_malformed, undefined, 'card')
  const id = makeId(ctx)
  const cardMask = card.slice(-4)
  await store.insertMandate(tx, ctx.tenantId, {
    ...{ id, bank: bank.code, payer: input.payer, cardMask, state: MANDATE.registering, openedAt: ctx.kernel.clock.now() },
    mandateNo: `m${id.replaceAll('-', '').slice(-19)}`,
    cardSealed: ctx.kernel.vault.seal(ctx.tenantId, cardCell(id), card),
  })
  await append(tx, ctx, debitMandateMoved, { subjectId: id, body: { state: 'registering' } })
  return ok({ mandateId: id, cardMask })
}

/** Tells the bank of a mandate and applies what it says. A lost answer leaves it registering: the worker asks. */
export async function registerMandate(ctx: Ctx, mandateId: string): Promise<MandateStanding> {
  const { db } = ctx.kernel
  const bank = findDebitBank(ctx.tenantId)
  const found = await db.read(ctx.tenantId, async tx => {
    const mandate = await store.findMandate(tx, ctx.tenantId, mandateId)
    return mandate && { mandate, phone: await findPhoneForMessage(tx, ctx, mandate.payer.replace(/^resident:/, '')) }
  })
  if (!bank || !found) return 'registering'
  const { mandate, phone = '' } = found
  if (mandate.state !== MANDATE.registering) return standingOf(mandate.state)
  const { mandateNo } = mandate
  return applyAnswer(ctx, mandateId, await bank.registerMandate({ mandateNo, card: openCard(ctx, mandate), phone }))
}

async function applyAnswer(ctx: Ctx, mandateId: string, answer: MandateAnswer): Promise<MandateStanding> {
  const { db, clock } = ctx.kernel
  return db.tx(ctx.tenantId, async tx => {
    const at = clock.now()
    const isActive = answer.kind === 'active'
    if (answer.kind !== 'unknown') {
      const failure = answer.kind === 'refused' ? answer.code.slice(0, 60) : undefined
      const to = isActive ? MANDATE.active : MANDATE.refused
      if (await store.moveMandate(tx, ctx.tenantId, mandateId, [MANDATE.registering], to, { at, ...(failure && { failure }) }))
        await append(tx, ctx, debitMandateMoved, {
          subjectId: mandateId,
          body: { state: isActive ? 'active' : 'refused', ...(failure && { why: failure }) },
        })
    }
    return standingOf((await store.findMandate(tx, ctx.tenantId, mandateId))!.state)
  })
}

export interface MandateEnd {
  /** Orders whose debit had not left yet and was taken out: their subjects are free again. */
  readonly withdrawn: readonly string[]
  /** Orders the bank has been asked to debit: they cannot be called back. */
  readonly atBank: readonly string[]
}

/**
 * Ends a mandate in the caller's transaction, at once: whatever is not sealed is taken out of its draft. The bank is told by the
 * worker. Ending it again says the same.
 */
export async function endMandate(tx: Tx, ctx: Ctx, mandateId: string): Promise<MandateEnd> {
  const { tenantId } = ctx
  const at = ctx.kernel.clock.now()
  const mandate = await store.lockMandate(tx, tenantId, mandateId)
  if (mandate && (await store.moveMandate(tx, tenantId, mandateId, [MANDATE.registering, MANDATE.active], MANDATE.ending, { at })))
    await append(tx, ctx, debitMandateEnded, { subjectId: mandateId, body: {} })
  const withdrawn: string[] = []
  const atBank: string[] = []
  for (const row of await store.listPendingRows(tx, tenantId, mandateId)) {
    if (await withdraw(tx, ctx, row)) withdrawn.push(row.orderId)
    else atBank.push(row.orderId)
  }
  return { withdrawn, atBank }
}

/** Takes a row out of a draft; false when its batch is sealed. The batch's row lock decides between this and sealing. */
async function withdraw(tx: Tx, ctx: Ctx, row: store.DebitRow): Promise<boolean> {
  const { tenantId } = ctx
  const batch = await store.lockBatch(tx, tenantId, row.batchId)
  const at = ctx.kernel.clock.now()
  if (batch.state !== BATCH.draft || !(await store.moveRow(tx, tenantId, row.attemptId, [ROW.waiting], ROW.withdrawn, { at }))) return false
  await store.addToDraft(tx, tenantId, batch.id, -1, -row.amountFen)
  await payments.lockOrder(tx, tenantId, row.orderId)
  await payments.moveAttempt(tx, tenantId, row.attemptId, [ATTEMPT.submitted], ATTEMPT.closed)
  await append(tx, ctx, attemptClosed, { subjectId: row.orderId, body: { attempt: row.attemptId } })
  await finishOrder(tx, ctx, row.orderId, 'mandate_ended')
  return true
}

const TAKEN_MAX = 50

/** Tells the bank of mandates it may not know of yet, and of those that ended. True when more may be due. */
export async function workMandates(ctx: Ctx): Promise<boolean> {
  const { db, clock } = ctx.kernel
  const bank = findDebitBank(ctx.tenantId)
  if (!bank) return false
  const now = clock.now()
  const due = await db.tx(ctx.tenantId, tx => store.takeDueMandates(tx, ctx.tenantId, now, addMs(now, 60_000), TAKEN_MAX))
  for (const mandate of due) {
    await db.tx(ctx.tenantId, tx => store.putOffMandate(tx, ctx.tenantId, mandate.id, addMs(now, askAgainAfterMs(mandate.tries))))
    if (mandate.state === MANDATE.registering) {
      const known = await bank.queryMandate(mandate.mandateNo)
      if (known.kind === 'missing') await registerMandate(ctx, mandate.id)
      else await applyAnswer(ctx, mandate.id, known)
      continue
    }
    const answer = await bank.endMandate(mandate.mandateNo)
    if (answer.kind === 'ended')
      await db.tx(ctx.tenantId, tx => store.moveMandate(tx, ctx.tenantId, mandate.id, [MANDATE.ending], MANDATE.ended, { at: clock.now() }))
  }
  return due.length === TAKEN_MAX
}

export interface BankMandate {
  readonly id: string
  readonly cardMask: string
  readonly standing: MandateStanding
  readonly failure: string | null
}

/** How mandates stand at the bank. */
export async function mapMandates(tx: Tx, tenantId: number, ids: readonly string[]): Promise<Map<string, BankMandate>> {
  const rows = ids.length === 0 ? [] : await store.listMandates(tx, tenantId, ids)
  return new Map(rows.map(m => [m.id, { id: m.id, cardMask: m.cardMask, failure: m.failure, standing: standingOf(m.state) }]))
}
