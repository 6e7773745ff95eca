import { type Ctx, type Kernel, makeId, permit, systemCtx } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { AppFailure, fail, ok, type Result } from '#kernel/result.ts'
import { addDays, addMs, dayOf } from '#kernel/time.ts'
import { findPhoneForMessage } from '#modules/identity/index.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from './errors.ts'
import * as events from './events.ts'
import {
  afterQuiet,
  BUDGET_PER_DAY,
  type Channel,
  LEASE_MS,
  MANDATORY,
  type MessageState,
  nextMorning,
  type OutsideChannel,
  type Params,
  placesOf,
  retryAfterMs,
  STALE_MS,
  TAKEN_MAX,
  type Template,
  type Topic,
  TRIES_MAX,
  textOf,
  topics,
  wordingOf,
} from './model.ts'
import type { Delivery, NotifyPort } from './ports.ts'
import * as store from './store.ts'

const ports = new WeakMap<Kernel, Map<OutsideChannel, NotifyPort>>()

/** Connects a messenger; without one, messages of its channel wait. */
export function useMessenger(kernel: Kernel, channel: OutsideChannel, port: NotifyPort): void {
  const known = ports.get(kernel) ?? new Map<OutsideChannel, NotifyPort>()
  ports.set(kernel, known.set(channel, port))
}

export type Receiver = { readonly personId: string } | { readonly staffId: string } | { readonly phone: string }

export interface SendInput {
  readonly to: Receiver
  readonly topic: Topic
  readonly template: Template
  readonly params: Params
  /** The same act sends once, however often it is repeated. */
  readonly dedupeKey: string
  /** Passes quiet hours and the budget of the day. */
  readonly urgent?: boolean
  /** Nothing is said after this. */
  readonly expiresAt?: Date
}

const paramsCell = (id: string): string => `notify|message|${id}|params`
const toCell = (id: string): string => `notify|message|${id}|to`
const addressCell = (personId: string, channel: string): string => `notify|address|${personId}|${channel}`

/**
 * Puts a message out in the caller's transaction; it goes when that commits. Everything to a person or to staff can be
 * read in the application; outside channels come on top: WeChat where an address is known, else a text message.
 * Returns the id, also of the message that was there already.
 */
export async function send(tx: Tx, ctx: Ctx, input: SendInput): Promise<string> {
  const { kernel, tenantId } = ctx
  textOf(input.template, ctx.lang, input.params)
  const id = makeId(ctx)
  const now = kernel.clock.now()
  const channel = await channelFor(tx, ctx, input)
  const [toKind, plain] =
    'phone' in input.to
      ? (['phone', input.to.phone] as const)
      : 'staffId' in input.to
        ? (['staff', input.to.staffId] as const)
        : (['person', input.to.personId] as const)
  const isUrgent = input.urgent ?? false
  const row: store.MessageRow = {
    id,
    toKind,
    toId: toKind === 'phone' ? null : plain,
    toSealed: toKind === 'phone' ? kernel.vault.seal(tenantId, toCell(id), plain) : null,
    toBlind: kernel.vault.blind(tenantId, `notify.${toKind}`, plain),
    topic: input.topic,
    template: input.template,
    paramsSealed: kernel.vault.seal(tenantId, paramsCell(id), JSON.stringify(input.params)),
    lang: ctx.lang,
    channel,
    state: channel === 'in_app' ? 'sent' : 'queued',
    why: null,
    isUrgent,
    isCounted: false,
    tries: 0,
    createdAt: now,
    dueAt: isUrgent || channel === 'in_app' ? now : afterQuiet(now),
    expiresAt: input.expiresAt ?? null,
    settledAt: channel === 'in_app' ? now : null,
  }
  if (await store.insertMessage(tx, tenantId, row, input.dedupeKey)) return id
  return (await store.findIdByKey(tx, tenantId, input.dedupeKey))!.id
}

async function channelFor(tx: Tx, ctx: Ctx, { to, topic }: SendInput): Promise<Channel> {
  if ('phone' in to) return 'sms'
  if ('staffId' in to) return 'in_app'
  const wants = async (channel: OutsideChannel) =>
    MANDATORY.has(topic) || !(await store.isOptedOut(tx, ctx.tenantId, to.personId, channel, topic))
  if ((await store.findAddress(tx, ctx.tenantId, to.personId, 'wechat')) && (await wants('wechat'))) return 'wechat'
  if ((await wants('sms')) && (await findPhoneForMessage(tx, ctx, to.personId)) !== undefined) return 'sms'
  return 'in_app'
}

async function settle(tx: Tx, ctx: Ctx, row: store.MessageRow, state: Exclude<MessageState, 'queued'>, why?: string): Promise<void> {
  if ((await store.settle(tx, ctx.tenantId, row.id, state, why ?? null, ctx.kernel.clock.now())) === 0) return
  const body = { template: row.template, channel: row.channel, state, ...(why && { why: why.slice(0, 100) }) }
  await append(tx, ctx, events.messageSettled, { subjectId: row.id, body })
}

/** Where a message goes, or undefined when it was settled or put off instead. Opt-out, quiet hours and budget hold at this moment. */
async function prepare(ctx: Ctx, row: store.MessageRow): Promise<string | undefined> {
  const { kernel, tenantId } = ctx
  return kernel.db.tx(tenantId, async tx => {
    const now = kernel.clock.now()
    if (row.expiresAt && row.expiresAt <= now) return void (await settle(tx, ctx, row, 'suppressed', 'expired'))
    if (
      row.toKind === 'person' &&
      !MANDATORY.has(row.topic) &&
      (await store.isOptedOut(tx, tenantId, row.toId!, row.channel as OutsideChannel, row.topic))
    )
      return void (await settle(tx, ctx, row, 'suppressed', 'opted out'))
    const open = row.isUrgent ? now : afterQuiet(now)
    if (open > now) return void (await store.putOff(tx, tenantId, row.id, open, row.tries, 'quiet hours'))
    // A repetition was charged with the first try.
    if (!row.isUrgent && !row.isCounted) {
      if (now.getTime() - row.createdAt.getTime() > STALE_MS) return void (await settle(tx, ctx, row, 'suppressed', 'stale'))
      if (!(await store.takeBudget(tx, tenantId, row.toBlind, dayOf(now), BUDGET_PER_DAY)))
        return void (await store.putOff(tx, tenantId, row.id, nextMorning(now), row.tries, 'budget'))
      await store.markCounted(tx, tenantId, row.id)
    }
    const to = await addressOf(tx, ctx, row)
    if (to === undefined) await settle(tx, ctx, row, 'failed', 'no address')
    return to
  })
}

async function addressOf(tx: Tx, ctx: Ctx, row: store.MessageRow): Promise<string | undefined> {
  const { vault } = ctx.kernel
  if (row.toSealed) return vault.open(ctx.tenantId, toCell(row.id), row.toSealed)
  if (row.channel === 'sms') return findPhoneForMessage(tx, ctx, row.toId!)
  const found = await store.findAddress(tx, ctx.tenantId, row.toId!, 'wechat')
  return found && vault.open(ctx.tenantId, addressCell(row.toId!, 'wechat'), found.sealed)
}

const paramsOf = (ctx: Ctx, row: store.MessageRow): Params =>
  JSON.parse(ctx.kernel.vault.open(ctx.tenantId, paramsCell(row.id), row.paramsSealed)) as Params

/** One try. The outcome is written in a transaction after the call; a crash between them asks again under the same number. */
async function deliver(ctx: Ctx, row: store.MessageRow): Promise<Delivery | undefined> {
  const port = ports.get(ctx.kernel)?.get(row.channel as OutsideChannel)
  const to = port && (await prepare(ctx, row))
  if (!port || to === undefined) return undefined
  const wording = wordingOf(row.template, row.lang)
  const params = paramsOf(ctx, row)
  const delivery = await port.send({
    to,
    template: row.template,
    wording,
    params: Object.fromEntries(placesOf(wording).map(name => [name, String(params[name])])),
    outId: row.id,
  })
  await ctx.kernel.db.tx(ctx.tenantId, async tx => {
    if (delivery.kind === 'sent') return settle(tx, ctx, row, 'sent')
    if (delivery.kind === 'rejected') return settle(tx, ctx, row, 'failed', delivery.why)
    const tries = row.tries + 1
    if (tries >= TRIES_MAX) return settle(tx, ctx, row, 'failed', `outcome unknown: ${delivery.why}`)
    await store.putOff(tx, ctx.tenantId, row.id, addMs(ctx.kernel.clock.now(), retryAfterMs(row.tries)), tries, delivery.why)
  })
  return delivery
}

/** Sends what is due. Any number of workers may run it. True when more may be due at once. */
export async function runOutbox(kernel: Kernel, tenantId: number): Promise<boolean> {
  if (!ports.get(kernel)?.size) return false
  const ctx = systemCtx(kernel, tenantId, 'notify.outbox')
  const now = kernel.clock.now()
  const due = await kernel.db.tx(tenantId, tx => store.takeDue(tx, tenantId, now, addMs(now, LEASE_MS), TAKEN_MAX))
  await Promise.all(due.map(row => deliver(ctx, row)))
  return due.length === TAKEN_MAX
}

/** Sends one message now because a person waits for it; undefined when it was not due or another worker has it. */
export async function deliverNow(kernel: Kernel, tenantId: number, messageId: string): Promise<Delivery | undefined> {
  const ctx = systemCtx(kernel, tenantId, 'notify.now')
  const now = kernel.clock.now()
  const [row] = await kernel.db.tx(tenantId, tx => store.takeDue(tx, tenantId, now, addMs(now, LEASE_MS), 1, messageId))
  return row && deliver(ctx, row)
}

const CODE_MINUTES = 5

/**
 * What `startSignIn` of identity takes as `send`: queues the code and sends it at once; the outbox tries again while the
 * code is good. Throws AppFailure when the gateway refuses the number.
 */
export const signInCodeSender =
  (ctx: Ctx) =>
  async (phone: string, code: string): Promise<void> => {
    const { kernel, tenantId } = ctx
    const id = await kernel.db.tx(tenantId, tx =>
      send(tx, ctx, {
        to: { phone },
        topic: 'sign_in',
        template: 'sign_in_code',
        params: { code, minutes: CODE_MINUTES },
        dedupeKey: `sign_in:${makeId(ctx)}`,
        urgent: true,
        expiresAt: addMs(kernel.clock.now(), CODE_MINUTES * 60_000),
      }),
    )
    const delivery = await deliverNow(kernel, tenantId, id)
    if (delivery?.kind === 'rejected') throw new AppFailure(errors.not_delivered)
  }

const mayFor = (ctx: Ctx, personId: string): Result<void> =>
  ctx.actor.kind === 'resident' && ctx.actor.id === personId ? ok(undefined) : permit(ctx, 'notify.message.read')

export interface MessageView {
  readonly id: string
  readonly text: string
  readonly topic: Topic
  readonly channel: Channel
  readonly state: MessageState
  readonly at: Date
}

const LISTED_MAX = 100

/** What was said to a person or member of staff, newest first, without codes. One's own, or with the right to it. */
export async function listMessages(
  ctx: Ctx,
  to: { readonly personId: string } | { readonly staffId: string },
): Promise<Result<MessageView[]>> {
  const isOwn =
    'staffId' in to
      ? ctx.actor.kind === 'staff' && ctx.actor.id === to.staffId
      : ctx.actor.kind === 'resident' && ctx.actor.id === to.personId
  const may = isOwn ? ok(undefined) : permit(ctx, 'notify.message.read')
  if (!may.ok) return may
  const [kind, id] = 'staffId' in to ? (['staff', to.staffId] as const) : (['person', to.personId] as const)
  const rows = await ctx.kernel.db.read(ctx.tenantId, tx => store.listMessagesTo(tx, ctx.tenantId, kind, id, LISTED_MAX))
  return ok(
    rows.map(row => ({
      id: row.id,
      text: textOf(row.template, ctx.lang, paramsOf(ctx, row)),
      topic: row.topic,
      channel: row.channel,
      state: row.state,
      at: row.createdAt,
    })),
  )
}

/** Switches a topic (or `*`) on one channel off or on. Only the person themselves. */
export async function setPreference(ctx: Ctx, input: { readonly personId: string } & store.PreferenceRow): Promise<Result<void>> {
  const may = ctx.actor.kind === 'resident' && ctx.actor.id === input.personId ? ok(undefined) : permit(ctx, 'notify.preference.write')
  if (!may.ok) return may
  const { topic } = input
  if (topic !== '*' && (!topics.includes(topic) || MANDATORY.has(topic))) return fail(errors.topic_unknown, undefined, 'topic')
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    await store.upsertPreference(tx, ctx.tenantId, input.personId, input, ctx.kernel.clock.now())
    const body = { channel: input.channel, topic, opted_out: input.optedOut }
    await append(tx, ctx, events.preferenceChanged, { subjectId: input.personId, body })
    return ok(undefined)
  })
}

export async function listPreferences(ctx: Ctx, personId: string): Promise<Result<store.PreferenceRow[]>> {
  const may = mayFor(ctx, personId)
  if (!may.ok) return may
  return ok(await ctx.kernel.db.read(ctx.tenantId, tx => store.listPreferences(tx, ctx.tenantId, personId)))
}

/** Notes where a person is reached on WeChat, in the transaction that learnt it. */
export async function setAddress(
  tx: Tx,
  ctx: Ctx,
  input: { readonly personId: string; readonly channel: 'wechat'; readonly address: string },
): Promise<void> {
  const sealed = ctx.kernel.vault.seal(ctx.tenantId, addressCell(input.personId, input.channel), input.address)
  await store.upsertAddress(tx, ctx.tenantId, input.personId, input.channel, sealed, ctx.kernel.clock.now())
}

/** Removes budgets of past days. */
export const purgeBudgets = (kernel: Kernel, tenantId: number): Promise<number> =>
  kernel.db.tx(tenantId, tx => store.purgeBudgets(tx, tenantId, addDays(dayOf(kernel.clock.now()), -2)))
