import { createHash, createPublicKey, randomInt, timingSafeEqual, verify } from 'node:crypto'
import { z } from 'zod'
import { type Ctx, type Kernel, makeId, permit, systemCtx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { isUuid, newCode } from '#kernel/id.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { addMs } from '#kernel/time.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import * as events from '../events.ts'
import { DEVICE_CODE_MS, DEVICE_PASS_MS, DEVICE_SILENT_MS, DEVICES_MAX, isWithin, PROOF_MS_MAX } from '../model.ts'
import * as store from '../store/devices.ts'
import { isToken } from './sessions.ts'

export type Device = store.DeviceRow

const NAME_CHARS_MAX = 40
const PLACE_CHARS_MAX = 60
const CODE_DIGITS = 10

/** What a page of ours runs when it says who the machine is: pages may change, the text that is signed may not. */
export const proofText = (challenge: string, state: string): string => `yimen-device:v1\n${challenge}\n${state}`
export const enrolText = (code: string): string => `yimen-device-enrol:v1\n${code}`

const topicOf = (id: string): string => `device:${id}`
const codeDigest = (kernel: Kernel, code: string): Buffer => kernel.vault.digest('identity.device_code', code)
const tokenDigest = (kernel: Kernel, token: string): Buffer => kernel.vault.digest('identity.device_token', token)
const asDevice = (ctx: Ctx, id: string): Ctx => ({ ...ctx, actor: { kind: 'device', id, permissions: new Set() } })

/** Digits only: they are typed on the pad of the machine. From the system's own randomness, whatever the kernel was given. */
function newEnrolCode(ctx: Ctx): { code: string; digest: Buffer; expiresAt: Date } {
  const code = Array.from({ length: CODE_DIGITS }, () => randomInt(10)).join('')
  return { code, digest: codeDigest(ctx.kernel, code), expiresAt: addMs(ctx.kernel.clock.now(), DEVICE_CODE_MS) }
}

export interface DeviceCode {
  readonly id: string
  readonly title: string
  /** Shown once; good once and for ten minutes. */
  readonly code: string
  readonly expiresAt: Date
}

/** Every device of the caller's area, those out of use last. */
export async function listDevices(ctx: Ctx): Promise<Result<Device[]>> {
  const may = permit(ctx, 'identity.device.read')
  if (!may.ok) return may
  const rows = await ctx.kernel.db.read(ctx.tenantId, tx => store.list(tx, ctx.tenantId, DEVICES_MAX))
  return ok(rows.filter(row => isWithin(ctx.actor.area, row.areaCode)))
}

/** Makes room for a kiosk; it joins with the code. */
export async function addDevice(ctx: Ctx, input: { readonly title: string; readonly place: string }): Promise<Result<DeviceCode>> {
  const may = permit(ctx, 'identity.device.manage')
  if (!may.ok) return may
  const [title, place] = [input.title, input.place].map(text => text.normalize('NFC').trim()) as [string, string]
  if (!title || title.length > NAME_CHARS_MAX) return fail(errors.device_title, { max: NAME_CHARS_MAX }, 'title')
  if (place.length > PLACE_CHARS_MAX) return fail(errors.device_place, { max: PLACE_CHARS_MAX }, 'place')
  const { code, ...kept } = newEnrolCode(ctx)
  const id = makeId(ctx)
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const device = { id, kind: 'kiosk' as const, title, place, areaCode: ctx.actor.area ?? null }
    await store.insert(tx, ctx.tenantId, device, kept, ctx.kernel.clock.now())
    await append(tx, ctx, events.deviceAdded, { subjectId: id, body: { kind: device.kind, title, place } })
    return ok({ id, title, code, expiresAt: kept.expiresAt })
  })
}

/** One step of staff on a device in use and within their area. */
async function manage<T>(ctx: Ctx, deviceId: string, step: (tx: Tx, device: Device) => Promise<T>): Promise<Result<T>> {
  const may = permit(ctx, 'identity.device.manage')
  if (!may.ok) return may
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const row = isUuid(deviceId) ? await store.take(tx, ctx.tenantId, deviceId) : undefined
    if (!row || row.revokedAt || !isWithin(ctx.actor.area, row.areaCode)) return fail(errors.device_not_found)
    return ok(await step(tx, row))
  })
}

/** A new code, for a machine that was exchanged or lost its key; the one there is goes on until the code is used. */
export const renewDeviceCode = (ctx: Ctx, input: { readonly deviceId: string }): Promise<Result<DeviceCode>> =>
  manage(ctx, input.deviceId, async (tx, { id, title, kind, place }) => {
    const { code, ...kept } = newEnrolCode(ctx)
    await store.setCode(tx, ctx.tenantId, id, kept)
    await append(tx, ctx, events.deviceAdded, { subjectId: id, body: { kind, title, place } })
    return { id, title, code, expiresAt: kept.expiresAt }
  })

/** Takes a device out of use for good: its next request is refused, and an open page of it is told at once. */
export const revokeDevice = (ctx: Ctx, input: { readonly deviceId: string }): Promise<Result<void>> =>
  manage(ctx, input.deviceId, async (tx, { id }) => {
    await store.revoke(tx, ctx.tenantId, id, ctx.kernel.clock.now())
    await append(tx, ctx, events.deviceRevoked, { subjectId: id, body: {} })
    tx.afterCommit(() => ctx.kernel.live.publish(topicOf(id)))
  })

/** Somebody put a new roll of paper in: slips are counted from here. */
export const changePaper = (ctx: Ctx, input: { readonly deviceId: string }): Promise<Result<void>> =>
  manage(ctx, input.deviceId, async (tx, { id, slips }) => {
    await store.resetSlips(tx, ctx.tenantId, id)
    await append(tx, ctx, events.devicePaperChanged, { subjectId: id, body: { slips } })
  })

/** A key on curve P-256 in SPKI form; anything else is no key of a device. */
function readKey(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/]{80,200}={0,2}$/.test(text)) return undefined
  const spki = Buffer.from(text, 'base64')
  try {
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? spki : undefined
  } catch {
    return undefined
  }
}

/** ECDSA over SHA-256 as WebCrypto makes it: the two numbers one after the other. */
function isSigned(spki: Buffer, text: string, signature: string): boolean {
  if (!/^[A-Za-z0-9+/]{86}==$/.test(signature)) return false
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' })
  return verify('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64'))
}

/**
 * A machine joins with its code and the public half of a key it made and cannot give away. The entry on the trail, sealed and
 * signed by the tenant's key, is its certificate. Answers the token of its cookie.
 */
export async function enrolDevice(
  ctx: Ctx,
  input: { readonly code: string; readonly publicKey: string; readonly signature: string },
): Promise<Result<{ id: string; token: string }>> {
  const code = input.code.normalize('NFKC').replace(/[\s-]/g, '')
  if (!/^\d{10}$/.test(code)) return fail(errors.device_code_refused, undefined, 'code')
  const publicKey = readKey(input.publicKey)
  if (!publicKey || !isSigned(publicKey, enrolText(code), input.signature)) return fail(errors.device_key_refused)
  const { kernel, tenantId } = ctx
  const fingerprint = createHash('sha256').update(publicKey).digest('hex')
  return kernel.db.tx(tenantId, async tx => {
    const now = kernel.clock.now()
    const row = await store.takeByCode(tx, tenantId, codeDigest(kernel, code), now)
    if (!row) return fail(errors.device_code_refused, undefined, 'code')
    if (await store.hasFingerprint(tx, tenantId, fingerprint)) return fail(errors.device_key_refused)
    const token = newCode(kernel.random, 256)
    await store.enrol(tx, tenantId, row.id, { tokenDigest: tokenDigest(kernel, token), publicKey, fingerprint }, now)
    await append(tx, asDevice(ctx, row.id), events.deviceEnrolled, { subjectId: row.id, body: { fingerprint, place: row.place } })
    tx.afterCommit(() => kernel.live.publish(topicOf(row.id)))
    return ok({ id: row.id, token })
  })
}

/** The device in use that holds a token. Read each time, so that one taken out of use is out with its next request. */
export async function findDevice(kernel: Kernel, tenantId: number, token: string): Promise<Device | undefined> {
  if (!isToken(token)) return undefined
  return kernel.db.read(tenantId, tx => store.findByToken(tx, tenantId, tokenDigest(kernel, token)))
}

const macOf = (kernel: Kernel, purpose: 'challenge' | 'pass', device: Device, ms: number): string =>
  kernel.vault.digest(`identity.device_${purpose}`, `${device.id}|${device.fingerprint}|${ms}`).toString('base64url')

/** The instant a text of ours names, when it is ours, of this device, and less than `ms_max` from it. */
function readStamp(kernel: Kernel, purpose: 'challenge' | 'pass', device: Device, text: string): Date | undefined {
  const [, ms, mac] = /^(\d{13})\.([\w-]{43})$/.exec(text) ?? []
  if (!ms || !mac) return undefined
  const wanted = Buffer.from(macOf(kernel, purpose, device, Number(ms)))
  return timingSafeEqual(wanted, Buffer.from(mac)) ? new Date(Number(ms)) : undefined
}

const stampOf = (kernel: Kernel, purpose: 'challenge' | 'pass', device: Device, at: Date): string =>
  `${at.getTime()}.${macOf(kernel, purpose, device, at.getTime())}`

/** What the device is to sign next; good for a minute and answered once. */
export const challengeDevice = (kernel: Kernel, device: Device): string => stampOf(kernel, 'challenge', device, kernel.clock.now())

const stateSchema = z.strictObject({
  page: z.string().regex(/^[a-z-]{0,20}$/),
  version: z.string().regex(/^[\w-]{0,20}$/),
  offline_ms: z.int().min(0).max(31_536_000_000),
  queue: z.int().min(0).max(100_000),
})

function readState(text: string): store.DeviceState | undefined {
  if (text.length > 500) return undefined
  try {
    return stateSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/**
 * A device answers its challenge with its key and says how it is. A token that was copied comes no further than this. Answers a
 * pass: for a minute and a half its pages are served.
 */
export async function proveDevice(
  ctx: Ctx,
  device: Device,
  input: { readonly challenge: string; readonly state: string; readonly signature: string },
): Promise<Result<{ pass: string }>> {
  const { kernel, tenantId } = ctx
  const challengedAt = readStamp(kernel, 'challenge', device, input.challenge)
  const now = kernel.clock.now()
  const state = readState(input.state)
  const isRight =
    state &&
    challengedAt &&
    now.getTime() - challengedAt.getTime() <= PROOF_MS_MAX &&
    device.publicKey &&
    isSigned(device.publicKey, proofText(input.challenge, input.state), input.signature)
  if (!isRight) return fail(errors.device_proof_refused)
  return kernel.db.tx(tenantId, async tx => {
    const row = await store.take(tx, tenantId, device.id)
    if (row?.fingerprint !== device.fingerprint || !(await store.noteProof(tx, tenantId, device.id, challengedAt, state, now)))
      return fail(errors.device_proof_refused)
    if (row.silentSince) {
      const silent_ms = Math.max(0, now.getTime() - row.silentSince.getTime())
      await append(tx, asDevice(ctx, row.id), events.deviceReturned, { subjectId: row.id, body: { silent_ms } })
    }
    return ok({ pass: stampOf(kernel, 'pass', device, addMs(now, DEVICE_PASS_MS)) })
  })
}

/** Whether the device proved itself within the last minute and a half. */
export function hasPass(kernel: Kernel, device: Device, pass: string): boolean {
  const until = readStamp(kernel, 'pass', device, pass)
  return until !== undefined && until > kernel.clock.now()
}

/** Devices that fell silent: one entry each, until they are heard of again. */
export function watchDevices(kernel: Kernel, tenantId: number): Promise<boolean> {
  const ctx = systemCtx(kernel, tenantId, 'identity.devices')
  return kernel.db.tx(tenantId, async tx => {
    const silent = await store.markSilent(tx, tenantId, addMs(kernel.clock.now(), -DEVICE_SILENT_MS))
    for (const { id, seenAt } of silent) {
      await append(tx, ctx, events.deviceSilent, { subjectId: id, body: { since: seenAt.toISOString() } })
    }
    return false
  })
}
