import { type Ctx, makeId } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { append } from '#modules/trail/index.ts'
import * as events from '../events.ts'
import { maskedIdNumber, maskedName, maskedPhone } from '../model.ts'
import * as store from '../store.ts'

export const cell = (id: string, field: 'name' | 'id_number' | 'phone'): string => `identity|person|${id}|${field}`
export const blindPhone = (ctx: Ctx, phone: string): Buffer => ctx.kernel.vault.blind(ctx.tenantId, 'identity.phone', phone)
export const blindIdNumber = (ctx: Ctx, idNumber: string): Buffer => ctx.kernel.vault.blind(ctx.tenantId, 'identity.id_number', idNumber)

/** Names and addresses are compared whole, without blanks and forms of width: a blind index knows no parts. */
const whole = (text: string): string => text.slice(0, 200).normalize('NFKC').replace(/[\s·]/g, '').toLowerCase()
export const blindName = (ctx: Ctx, name: string): Buffer => ctx.kernel.vault.blind(ctx.tenantId, 'identity.name', whole(name))
export const blindAddress = (ctx: Ctx, address: string): Buffer => ctx.kernel.vault.blind(ctx.tenantId, 'identity.address', whole(address))

export interface PlainPerson {
  readonly name?: string
  readonly idNumber?: string
  readonly phone?: string
  readonly areaCode?: string
}

/** Seals and stores a person; undefined when telephone or id number are taken. */
export async function addPerson(tx: Tx, ctx: Ctx, plain: PlainPerson, by: 'sign_in' | 'staff' | 'share'): Promise<string | undefined> {
  const { vault, clock } = ctx.kernel
  const id = makeId(ctx)
  const seal = (field: 'name' | 'id_number' | 'phone', text: string | undefined) =>
    text ? vault.seal(ctx.tenantId, cell(id, field), text) : null
  const isNew = await store.insertPerson(tx, ctx.tenantId, {
    id,
    nameSealed: seal('name', plain.name),
    nameBlind: plain.name ? blindName(ctx, plain.name) : null,
    nameMask: plain.name ? maskedName(plain.name) : null,
    idNumberSealed: seal('id_number', plain.idNumber),
    idNumberBlind: plain.idNumber ? blindIdNumber(ctx, plain.idNumber) : null,
    idNumberMask: plain.idNumber ? maskedIdNumber(plain.idNumber) : null,
    phoneSealed: seal('phone', plain.phone),
    phoneBlind: plain.phone ? blindPhone(ctx, plain.phone) : null,
    phoneMask: plain.phone ? maskedPhone(plain.phone) : null,
    areaCode: plain.areaCode ?? null,
    createdAt: clock.now(),
  })
  if (!isNew) return undefined
  await append(tx, ctx, events.personRegistered, { subjectId: id, body: { by } })
  return id
}

/** The person with this telephone, made on the spot when there is none. */
export async function ensurePersonByPhone(tx: Tx, ctx: Ctx, phone: string, by: 'sign_in' | 'share'): Promise<store.PersonRow> {
  const blind = blindPhone(ctx, phone)
  const known = await store.findPersonByPhone(tx, ctx.tenantId, blind)
  if (known) return known
  await addPerson(tx, ctx, { phone }, by)
  const made = await store.findPersonByPhone(tx, ctx.tenantId, blind)
  if (!made) throw new Error('a person was neither found nor made')
  return made
}
