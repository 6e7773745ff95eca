import { createHash } from 'node:crypto'
import { accessErrors, type Ctx, makeId, proved } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { once } from '#kernel/http/idempotency.ts'
import { catching, fail, ok, type Result, unwrap } from '#kernel/result.ts'
import { dayOf } from '#kernel/time.ts'
import { endMandate, type MandateStanding, mapMandates, openMandate, registerMandate } from '#modules/payments/index.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { debitEnded, debitGiven } from '../events.ts'
import * as bills from '../store.ts'
import { requireOn } from '../switchover/service.ts'
import { CEILING_FEN_MAX, DAYS_BEFORE, type Terms } from './model.ts'
import { tell } from './notices.ts'
import * as store from './store.ts'

/** A mandate is given or changed within this time of a code; it is ended without one. */
const PROVED_MS = 30 * 60_000

/** Only a resident who signed in gives or ends a mandate, and only their own. */
const ownPayer = ({ actor }: Ctx): Result<string> =>
  actor.kind === 'resident'
    ? ok(`resident:${actor.id}`)
    : fail(actor.kind === 'anonymous' ? accessErrors.sign_in_first : accessErrors.denied)

export interface Consent {
  readonly terms: Terms
  /** The mandate word for word as it stood on the page. */
  readonly wording: string
  /** Ticked by the resident on that page. */
  readonly isGiven: boolean
}

const WORDING_CHARS_MAX = 2_000

function checkConsent(ctx: Ctx, { terms, isGiven, wording }: Consent): Result<void> {
  const { ceilingFen, daysBefore, untilOn } = terms
  if (!Number.isSafeInteger(ceilingFen) || ceilingFen <= 0 || ceilingFen > CEILING_FEN_MAX)
    return fail(errors.debit_ceiling, { max: CEILING_FEN_MAX }, 'ceiling')
  if (!DAYS_BEFORE.some(days => days === daysBefore)) return fail(errors.debit_days, undefined, 'days')
  const isDay = untilOn === null || (/^\d{4}-\d{2}-\d{2}$/.test(untilOn) && !Number.isNaN(Date.parse(untilOn)))
  if (!isDay || (untilOn !== null && untilOn <= dayOf(ctx.kernel.clock.now()))) return fail(errors.debit_until, undefined, 'until')
  if (wording === '' || wording.length > WORDING_CHARS_MAX) return fail(errors.debit_consent_missing, undefined, 'consent')
  return isGiven ? ok(undefined) : fail(errors.debit_consent_missing, undefined, 'consent')
}

/** Keeps what was agreed to and its digest; the digest alone goes on the record. */
async function writeVersion(tx: Tx, ctx: Ctx, mandateId: string, version: number, { terms, wording }: Consent): Promise<void> {
  const sha256 = createHash('sha256').update(wording).digest()
  await store.insertVersion(tx, ctx.tenantId, { ...terms, mandateId, version, wording, sha256, at: ctx.kernel.clock.now() })
  await append(tx, ctx, debitGiven, {
    subjectId: mandateId,
    body: {
      version,
      ceiling_fen: terms.ceilingFen,
      days_before: terms.daysBefore,
      ...(terms.untilOn && { until_on: terms.untilOn }),
      wording_sha256: sha256.toString('hex'),
    },
  })
}

export interface SwitchOn {
  readonly accountId: string
  readonly card: string
  readonly consent: Consent
  readonly idempotencyKey: string | undefined
}

export interface SwitchedOn {
  readonly mandateId: string
  readonly standing: MandateStanding
}

/**
 * A resident lets bills of an account be paid from a bank card. Written first, then told to the bank: refused there it is over at
 * once and says why; without an answer it is pending, and the worker asks.
 */
export async function switchOnDebit(ctx: Ctx, input: SwitchOn): Promise<Result<SwitchedOn>> {
  const payer = ownPayer(ctx)
  if (!payer.ok) return payer
  const itIsThem = proved(ctx, PROVED_MS)
  if (!itIsThem.ok) return itIsThem
  const { accountId, card, consent } = input
  const checked = checkConsent(ctx, consent)
  if (!checked.ok) return checked
  const { tenantId, kernel } = ctx
  const cardKey = kernel.vault.blind(tenantId, 'billing.debit_card', card).toString('hex')
  const call = {
    scope: 'billing.debit_on',
    key: input.idempotencyKey,
    input: { accountId, cardKey, terms: consent.terms, payer: payer.value },
  }
  const written = await catching(() =>
    kernel.db.tx(tenantId, async tx => unwrap(await once(tx, ctx, call, async () => unwrap(await open(tx, ctx, payer.value, input))))),
  )
  if (!written.ok) return written
  const { mandateId, bankMandateId } = written.value
  await registerMandate(ctx, bankMandateId)
  return kernel.db.tx(tenantId, async tx => {
    const standing = await applyStanding(tx, ctx, bankMandateId)
    if (standing?.standing !== 'refused') return ok({ mandateId, standing: standing?.standing ?? 'registering' })
    return fail(errors.debit_bank_refused, { why: standing.failure ?? '' }, 'card')
  })
}

async function open(tx: Tx, ctx: Ctx, payer: string, { accountId, card, consent }: SwitchOn) {
  const { tenantId } = ctx
  const account = await bills.findAccountById(tx, tenantId, accountId)
  if (!account) return fail(errors.account_not_found)
  if (account.isClosed) return fail(errors.account_closed)
  await requireOn(tx, ctx, 'auto_debit', accountId)
  const before = await store.findLive(tx, tenantId, payer, accountId)
  // One the bank debits by no more makes room for the next.
  if (before?.state === 'suspended') await end(tx, ctx, before, 'replaced')
  const opened = await openMandate(tx, ctx, { payer, card })
  if (!opened.ok) return opened
  const { mandateId: bankMandateId } = opened.value
  const id = makeId(ctx)
  const at = ctx.kernel.clock.now()
  const row = { id, payer, accountId, bankMandateId, state: 'pending' as const, lang: ctx.lang, openedAt: at }
  if (!(await store.insertMandate(tx, tenantId, row))) return fail(errors.debit_exists)
  await writeVersion(tx, ctx, id, 1, consent)
  return ok({ mandateId: id, bankMandateId })
}

/** Follows what the bank said about a mandate; told again it changes nothing. */
export async function applyStanding(tx: Tx, ctx: Ctx, bankMandateId: string) {
  const { tenantId } = ctx
  const at = ctx.kernel.clock.now()
  const atBank = (await mapMandates(tx, tenantId, [bankMandateId])).get(bankMandateId)
  const mandate = await store.findMandateByBank(tx, tenantId, bankMandateId)
  if (!mandate || !atBank) return undefined
  if (atBank.standing === 'active' && (await store.moveMandate(tx, tenantId, mandate.id, ['pending'], 'active', { at })))
    await tell(tx, ctx, mandate, { template: 'debit_on', dedupeKey: `debit_on:${mandate.id}`, params: { card: atBank.cardMask } })
  if (
    atBank.standing === 'refused' &&
    (await store.moveMandate(tx, tenantId, mandate.id, ['pending'], 'ended', { at, why: 'bank_refused' }))
  ) {
    await append(tx, ctx, debitEnded, { subjectId: mandate.id, body: { why: 'bank_refused' } })
    // Whoever is at the page reads it there.
    if (ctx.actor.kind === 'system')
      await tell(tx, ctx, mandate, {
        template: 'debit_refused',
        dedupeKey: `debit_refused:${mandate.id}`,
        params: { card: atBank.cardMask },
      })
  }
  return atBank
}

type EndReason = 'by_payer' | 'replaced' | 'term_over' | 'share_ended'

export interface SwitchedOff {
  /** Debits the bank has been asked for already: they are made all the same. */
  readonly atBank: readonly { readonly day: string; readonly amountFen: number }[]
}

/** Ends a mandate at once, with everything that has not left for the bank. Asking again says the same. */
export async function switchOffDebit(ctx: Ctx, mandateId: string): Promise<Result<SwitchedOff>> {
  const payer = ownPayer(ctx)
  if (!payer.ok) return payer
  const { tenantId, kernel } = ctx
  return kernel.db.tx(tenantId, async tx => {
    const mandate = await store.lockMandate(tx, tenantId, mandateId)
    if (mandate?.payer !== payer.value) return fail(errors.debit_mandate_not_found)
    const atBank = await end(tx, ctx, mandate, 'by_payer')
    const items = await Promise.all(atBank.map(orderId => store.findItemOfOrder(tx, tenantId, orderId)))
    return ok({ atBank: items.flatMap(item => (item ? [{ day: item.day, amountFen: item.amountFen }] : [])) })
  })
}

/** Ends a mandate; answers the orders the bank cannot be stopped from debiting. Mandate row locked. */
export async function end(tx: Tx, ctx: Ctx, mandate: store.MandateRow, why: EndReason): Promise<readonly string[]> {
  const { tenantId } = ctx
  const at = ctx.kernel.clock.now()
  const { withdrawn, atBank } = await endMandate(tx, ctx, mandate.bankMandateId)
  for (const orderId of withdrawn) await store.settleItem(tx, tenantId, orderId, ['waiting'], { outcome: 'withdrawn', failure: null, at })
  if (await store.moveMandate(tx, tenantId, mandate.id, ['pending', 'active', 'suspended'], 'ended', { at, why })) {
    await append(tx, ctx, debitEnded, { subjectId: mandate.id, body: { why } })
    if (why !== 'replaced') await tell(tx, ctx, mandate, { template: 'debit_off', dedupeKey: `debit_off:${mandate.id}` })
  }
  return atBank
}

/** The bank debits by a mandate no more, or its payer's bank took a debit back: nothing is tried by it until it is made anew. */
export async function suspend(tx: Tx, ctx: Ctx, mandate: store.MandateRow, why: string): Promise<boolean> {
  const { tenantId } = ctx
  const at = ctx.kernel.clock.now()
  if (!(await store.moveMandate(tx, tenantId, mandate.id, ['active'], 'suspended', { at, why }))) return false
  const { withdrawn } = await endMandate(tx, ctx, mandate.bankMandateId)
  for (const orderId of withdrawn) await store.settleItem(tx, tenantId, orderId, ['waiting'], { outcome: 'withdrawn', failure: null, at })
  await append(tx, ctx, debitEnded, { subjectId: mandate.id, body: { why: 'suspended' } })
  return true
}

/** Other terms for a mandate that stands: a new version that names the one it replaces, agreed to like the first. */
export async function changeDebit(
  ctx: Ctx,
  input: { readonly mandateId: string; readonly version: number; readonly consent: Consent },
): Promise<Result<void>> {
  const payer = ownPayer(ctx)
  if (!payer.ok) return payer
  const itIsThem = proved(ctx, PROVED_MS)
  if (!itIsThem.ok) return itIsThem
  const checked = checkConsent(ctx, input.consent)
  if (!checked.ok) return checked
  const { tenantId, kernel } = ctx
  return kernel.db.tx(tenantId, async tx => {
    const mandate = await store.lockMandate(tx, tenantId, input.mandateId)
    if (mandate?.payer !== payer.value || mandate.state === 'ended') return fail(errors.debit_mandate_not_found)
    if (mandate.version !== input.version || !(await store.setVersion(tx, tenantId, mandate.id, mandate.version + 1)))
      return fail(errors.debit_changed)
    await writeVersion(tx, ctx, mandate.id, mandate.version + 1, input.consent)
    return ok(undefined)
  })
}
