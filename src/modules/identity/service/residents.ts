import { timingSafeEqual } from 'node:crypto'
import { accessErrors, type Ctx, type Kernel } from '#kernel/context.ts'
import { newCode } from '#kernel/id.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import * as events from '../events.ts'
import { CODE_MS, CODE_TRIES_MAX, type Masked, maskedPhone, QUOTAS, readCode, readPhone } from '../model.ts'
import * as store from '../store.ts'
import { cell, ensurePersonByPhone } from './persons.ts'
import { findSession, isToken, noteUse, openSession } from './sessions.ts'

export interface StartInput {
  /** As typed. */
  readonly phone: string
  /** What stands for the device that asks. Kept only as a blind key, like the address. */
  readonly clientKey: string
  readonly address: string
  /** Hands the code to a messenger; called after everything is stored. A throw means it was not taken. */
  readonly send: (phone: string, code: string) => Promise<void>
}

export interface StartedSignIn {
  /** Opaque handle, 128 bits. */
  readonly challenge: string
  readonly phoneMasked: Masked
  readonly validMinutes: number
}

export interface SignedInResident {
  readonly token: string
  readonly resident: Resident
}

export interface Resident {
  readonly id: string
  /** The masked name, or the masked telephone while no name is known. */
  readonly nameMasked: Masked
  /** When the code was typed this sign-in began with. */
  readonly provedAt: Date
}

const challengeDigest = (kernel: Kernel, challenge: string): Buffer => kernel.vault.digest('identity.challenge', challenge)
const codeDigest = (kernel: Kernel, challenge: string, code: string): Buffer =>
  kernel.vault.digest('identity.sms_code', `${challenge}:${code}`)
const phoneCell = (digest: Buffer): string => `identity|sms_challenge|${digest.toString('hex')}|phone`

/**
 * Sends a code of six digits, good for five minutes and five tries. Whether the telephone belongs to somebody is not
 * even looked up here, so known and unknown ones get the same answer in the same time. At most one code a minute and
 * five a day for a telephone, twenty an hour for a client, 120 for an address.
 */
export async function startSignIn(ctx: Ctx, input: StartInput): Promise<Result<StartedSignIn>> {
  const { kernel, tenantId } = ctx
  const phone = readPhone(input.phone)
  if (!phone) return fail(errors.phone_malformed, undefined, 'phone')
  const challenge = newCode(kernel.random)
  const digest = challengeDigest(kernel, challenge)
  const code = String(kernel.random.int(1_000_000)).padStart(6, '0')
  const stored = await kernel.db.tx(tenantId, async tx => {
    const now = kernel.clock.now()
    for (const quota of QUOTAS) {
      const key = kernel.vault.blind(tenantId, quota.purpose, { phone, client: input.clientKey, address: input.address }[quota.of])
      const { used, beganAt } = await store.countUse(tx, tenantId, quota.purpose, key, now, addMs(now, -quota.length_ms))
      // The first one over the limit is worth an entry; a flood of them is not.
      if (used === quota.max + 1)
        await append(tx, ctx, events.signInFailed, { subjectId: ctx.requestId, body: { kind: 'resident', why: 'limit' } })
      if (used > quota.max) {
        const wait_s = Math.max(1, Math.ceil((addMs(beganAt, quota.length_ms).getTime() - now.getTime()) / 1_000))
        return fail(errors.too_many_codes, { wait_s, minutes: Math.ceil(wait_s / 60) }, 'phone')
      }
    }
    const row = {
      digest,
      codeDigest: codeDigest(kernel, challenge, code),
      phoneSealed: kernel.vault.seal(tenantId, phoneCell(digest), phone),
    }
    await store.insertChallenge(tx, tenantId, row, now, addMs(now, CODE_MS))
    return ok(undefined)
  })
  if (!stored.ok) return stored
  try {
    await input.send(phone, code)
  } catch (error) {
    kernel.log.warn({ requestId: ctx.requestId, why: (error as Error).name }, 'a sign-in code could not be handed over')
    return fail(errors.code_not_sent)
  }
  return ok({ challenge, phoneMasked: maskedPhone(phone), validMinutes: CODE_MS / 60_000 })
}

/**
 * Sends a new code for a sign-in under way, without asking for the telephone again; the limits of `startSignIn` hold.
 * An unknown handle is answered like one that is over; a refusal names the telephone in part.
 */
export async function resendCode(
  ctx: Ctx,
  input: Omit<StartInput, 'phone'> & { readonly challenge: string },
): Promise<Result<StartedSignIn>> {
  const { kernel, tenantId } = ctx
  const digest = challengeDigest(kernel, input.challenge)
  const row = await kernel.db.read(tenantId, tx => store.findChallenge(tx, tenantId, digest))
  if (!row) return fail(errors.code_expired, undefined, 'code')
  const phone = kernel.vault.open(tenantId, phoneCell(digest), row.phoneSealed)
  const started = await startSignIn(ctx, { ...input, phone })
  return started.ok ? started : fail(started.error, { ...started.error.params, phone: maskedPhone(phone) }, 'code')
}

/** Sends a code to the telephone of the resident who is signed in already, to prove that it is still them; the limits of `startSignIn` hold. */
export async function startProof(ctx: Ctx, input: Omit<StartInput, 'phone'>): Promise<Result<StartedSignIn>> {
  const { kernel, tenantId, actor } = ctx
  if (actor.kind !== 'resident') return fail(accessErrors.sign_in_first)
  const person = await kernel.db.read(tenantId, tx => store.findPersonById(tx, tenantId, actor.id))
  const phone = person?.phoneSealed && kernel.vault.open(tenantId, cell(person.id, 'phone'), person.phoneSealed)
  return phone ? startSignIn(ctx, { ...input, phone }) : fail(errors.phone_malformed, undefined, 'phone')
}

/** Why a code no longer counts. Whoever holds the handle was told the telephone in part before. */
function refusedCode(kernel: Kernel, tenantId: number, row: store.ChallengeRow | undefined, now: Date): ReturnType<typeof fail> {
  if (!row) return fail(errors.code_expired, undefined, 'code')
  const phone = maskedPhone(kernel.vault.open(tenantId, phoneCell(row.digest), row.phoneSealed))
  return fail(row.expiresAt <= now ? errors.code_expired : errors.code_spent, { phone }, 'code')
}

/**
 * Turns the right code into a session; the first time for a telephone also into a person. A code works once. A wrong one
 * is answered with how many tries are left, one that no longer counts with why.
 */
export async function finishSignIn(
  ctx: Ctx,
  input: { readonly challenge: string; readonly code: string },
): Promise<Result<SignedInResident>> {
  const { kernel, tenantId } = ctx
  const digest = challengeDigest(kernel, input.challenge)
  // A malformed code spends a try too: the answer must not tell it from a wrong one.
  const expected = codeDigest(kernel, input.challenge, readCode(input.code) ?? '')
  return kernel.db.tx(tenantId, async tx => {
    const now = kernel.clock.now()
    const row = await store.tryChallenge(tx, tenantId, digest, now, CODE_TRIES_MAX)
    if (!row) return refusedCode(kernel, tenantId, await store.findChallenge(tx, tenantId, digest), now)
    const phone = kernel.vault.open(tenantId, phoneCell(digest), row.phoneSealed)
    if (!timingSafeEqual(row.codeDigest, expected)) {
      const subjectId = digest.toString('hex').slice(0, 32)
      await append(tx, ctx, events.signInFailed, { subjectId, body: { kind: 'resident', why: 'code' } })
      const [left, masked] = [CODE_TRIES_MAX - row.tries, maskedPhone(phone)]
      return left > 0 ? fail(errors.code_wrong, { left, phone: masked }, 'code') : fail(errors.code_spent, { phone: masked }, 'code')
    }
    await store.useChallenge(tx, tenantId, digest, now)
    const person = await ensurePersonByPhone(tx, ctx, phone, 'sign_in')
    const token = await openSession(tx, ctx, { kind: 'resident', id: person.id })
    const own: Ctx = { ...ctx, actor: { kind: 'resident', id: person.id, permissions: new Set() } }
    await append(tx, own, events.signedIn, { subjectId: person.id, body: { kind: 'resident' } })
    return ok({ token, resident: shown(person, now) })
  })
}

const shown = (person: store.PersonRow, provedAt: Date): Resident => ({
  id: person.id,
  provedAt,
  nameMasked: person.nameMask ?? person.phoneMask ?? ('**' as Masked),
})

/** The resident a token stands for, read from the database each time. */
export async function findResident(kernel: Kernel, tenantId: number, token: string): Promise<Resident | undefined> {
  if (!isToken(token)) return undefined
  const found = await kernel.db.read(tenantId, async tx => {
    const session = await findSession(tx, kernel, tenantId, 'resident', token)
    const person = session && (await store.findPersonById(tx, tenantId, session.holderId))
    return person && { session, person }
  })
  if (!found) return undefined
  await noteUse(kernel, tenantId, found.session)
  return shown(found.person, found.session.createdAt)
}
