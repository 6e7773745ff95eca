import { type Ctx, makeId, permit } from '#kernel/context.ts'
import type { Tx } from '#kernel/db/index.ts'
import { isUuid } from '#kernel/id.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import * as events from '../events.ts'
import { isWithin, type Masked, maskedAddress, type PersonField, readIdNumber, readPhone, type Unmasked } from '../model.ts'
import * as store from '../store.ts'
import { addPerson, blindAddress, blindIdNumber, blindName, blindPhone, cell } from './persons.ts'

export interface Person {
  readonly id: string
  readonly nameMasked: Masked | null
  readonly phoneMasked: Masked | null
  readonly idNumberMasked: Masked | null
  readonly areaCode: string | null
}

const shown = (row: store.PersonRow): Person => ({
  id: row.id,
  nameMasked: row.nameMask,
  phoneMasked: row.phoneMask,
  idNumberMasked: row.idNumberMask,
  areaCode: row.areaCode,
})

/** Answers a person within the caller's area and records that they were looked at; anybody else is not found. */
async function read(
  tx: Tx,
  ctx: Ctx,
  row: store.PersonRow | undefined,
  by: 'phone' | 'id_number' | 'id' | 'name' | 'address',
): Promise<Result<store.PersonRow>> {
  if (!row || !isWithin(ctx.actor.area, row.areaCode)) return fail(errors.person_not_found)
  await append(tx, ctx, events.personRead, { subjectId: row.id, body: { by } })
  return ok(row)
}

/** Finds a resident by the whole telephone or id number, never by a part. Every hit is an entry on the trail. */
export async function findPerson(ctx: Ctx, input: { readonly phone: string } | { readonly idNumber: string }): Promise<Result<Person>> {
  const may = permit(ctx, 'identity.person.read')
  if (!may.ok) return may
  const { tenantId } = ctx
  const phone = 'phone' in input ? readPhone(input.phone) : undefined
  const idNumber = 'idNumber' in input ? readIdNumber(input.idNumber) : undefined
  if ('phone' in input && !phone) return fail(errors.phone_malformed, undefined, 'phone')
  if ('idNumber' in input && !idNumber) return fail(errors.id_number_malformed, undefined, 'idNumber')
  return ctx.kernel.db.tx(tenantId, async tx => {
    const row = phone
      ? await store.findPersonByPhone(tx, tenantId, blindPhone(ctx, phone))
      : await store.findPersonByIdNumber(tx, tenantId, blindIdNumber(ctx, idNumber!))
    const found = await read(tx, ctx, row, phone ? 'phone' : 'id_number')
    return found.ok ? ok(shown(found.value)) : found
  })
}

/** A name is that of many: more than this many people are not shown at once. */
export const PEOPLE_MAX = 10

/** Residents of a whole name or a whole address, never of a part. Every one shown is an entry on the trail. */
export async function listPeople(
  ctx: Ctx,
  input: { readonly name: string } | { readonly address: string },
): Promise<Result<{ people: Person[]; hasMore: boolean }>> {
  const may = permit(ctx, 'identity.person.read')
  if (!may.ok) return may
  const { tenantId } = ctx
  return ctx.kernel.db.tx(tenantId, async tx => {
    const rows =
      'name' in input
        ? await store.listPeopleByName(tx, tenantId, blindName(ctx, input.name), PEOPLE_MAX + 1)
        : await store.listPeopleByAddress(tx, tenantId, blindAddress(ctx, input.address), PEOPLE_MAX + 1)
    const people: Person[] = []
    for (const row of rows.slice(0, PEOPLE_MAX)) {
      const found = await read(tx, ctx, row, 'name' in input ? 'name' : 'address')
      if (found.ok) people.push(shown(found.value))
    }
    return ok({ people, hasMore: rows.length > PEOPLE_MAX })
  })
}

export interface PersonWithHouseholds extends Person {
  readonly households: { readonly id: string; readonly addressMasked: Masked; readonly relation: string }[]
}

/** One resident by id. Staff need the right to it and leave an entry; residents see themselves. */
export async function getPerson(ctx: Ctx, id: string): Promise<Result<PersonWithHouseholds>> {
  const isOwn = ctx.actor.kind === 'resident' && ctx.actor.id === id
  const may = isOwn ? ok(undefined) : permit(ctx, 'identity.person.read')
  if (!may.ok) return may
  if (!isUuid(id)) return fail(errors.person_not_found)
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const row = await store.findPersonById(tx, ctx.tenantId, id)
    const found = isOwn && row ? ok(row) : await read(tx, ctx, row, 'id')
    if (!found.ok) return found
    const households = await store.listHouseholds(tx, ctx.tenantId, id)
    return ok({
      ...shown(found.value),
      households: households.map(h => ({ id: h.id, addressMasked: h.addressMask, relation: h.relation })),
    })
  })
}

export interface NewPersonInput {
  readonly name: string
  readonly idNumber?: string
  readonly phone?: string
  readonly areaCode?: string
}

/** Staff enter a resident. A telephone or id number known already is refused, without saying whose it is. */
export async function registerPerson(ctx: Ctx, input: NewPersonInput): Promise<Result<{ id: string }>> {
  const may = permit(ctx, 'identity.person.write')
  if (!may.ok) return may
  const phone = input.phone === undefined ? undefined : readPhone(input.phone)
  const idNumber = input.idNumber === undefined ? undefined : readIdNumber(input.idNumber)
  if (input.phone !== undefined && !phone) return fail(errors.phone_malformed, undefined, 'phone')
  if (input.idNumber !== undefined && !idNumber) return fail(errors.id_number_malformed, undefined, 'idNumber')
  const name = input.name.normalize('NFC').trim().slice(0, 60)
  if (!name) return fail(errors.name_missing, undefined, 'name')
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    if (input.areaCode && !(isWithin(ctx.actor.area, input.areaCode) && (await store.hasArea(tx, ctx.tenantId, input.areaCode))))
      return fail(errors.area_unknown, { code: input.areaCode }, 'areaCode')
    const id = await addPerson(tx, ctx, { name, idNumber, phone, areaCode: input.areaCode }, 'staff')
    return id ? ok({ id }) : fail(errors.person_exists)
  })
}

export type Relation = 'head' | 'spouse' | 'child' | 'parent' | 'other'

export interface NewHousehold {
  readonly address: string
  readonly areaCode?: string
  readonly members: readonly { readonly personId: string; readonly relation: Relation }[]
}

const MEMBERS_MAX = 30

/** Enters a home and who lives there. */
export async function registerHousehold(ctx: Ctx, input: NewHousehold): Promise<Result<{ id: string }>> {
  const may = permit(ctx, 'identity.person.write')
  if (!may.ok) return may
  if (input.members.length > MEMBERS_MAX || input.members.some(m => !isUuid(m.personId))) return fail(errors.person_not_found)
  const { kernel, tenantId } = ctx
  return kernel.db.tx(tenantId, async tx => {
    if (input.areaCode && !(isWithin(ctx.actor.area, input.areaCode) && (await store.hasArea(tx, tenantId, input.areaCode))))
      return fail(errors.area_unknown, { code: input.areaCode }, 'areaCode')
    for (const { personId } of input.members) {
      const person = await store.findPersonById(tx, tenantId, personId)
      if (!person || !isWithin(ctx.actor.area, person.areaCode)) return fail(errors.person_not_found)
    }
    const id = makeId(ctx)
    const now = kernel.clock.now()
    await store.insertHousehold(tx, tenantId, {
      id,
      addressSealed: kernel.vault.seal(tenantId, `identity|household|${id}|address`, input.address.slice(0, 200)),
      addressBlind: blindAddress(ctx, input.address),
      addressMask: maskedAddress(input.address),
      areaCode: input.areaCode ?? null,
      createdAt: now,
    })
    for (const member of input.members) await store.insertMember(tx, tenantId, id, member.personId, member.relation, now)
    return ok({ id })
  })
}

const SEALED = { name: 'nameSealed', id_number: 'idNumberSealed', phone: 'phoneSealed' } as const

/** One plain value, for a stated reason, as one recorded act. The reason is on the trail: it must name no person. */
export async function unmask<F extends PersonField>(
  ctx: Ctx,
  input: { readonly personId: string; readonly field: F; readonly why: string },
): Promise<Result<Unmasked<F>>> {
  const may = permit(ctx, 'identity.person.unmask')
  if (!may.ok) return may
  const why = input.why.toWellFormed().replaceAll('\0', '').trim().slice(0, 200)
  if (!why) return fail(errors.reason_missing, undefined, 'why')
  if (!isUuid(input.personId)) return fail(errors.person_not_found)
  return ctx.kernel.db.tx(ctx.tenantId, async tx => {
    const row = await store.findPersonById(tx, ctx.tenantId, input.personId)
    if (!row || !isWithin(ctx.actor.area, row.areaCode)) return fail(errors.person_not_found)
    const sealed = row[SEALED[input.field]]
    if (!sealed) return fail(errors.field_empty)
    await append(tx, ctx, events.personUnmasked, { subjectId: row.id, body: { field: input.field, why } })
    return ok(ctx.kernel.vault.open(ctx.tenantId, cell(row.id, input.field), sealed) as Unmasked<F>)
  })
}

/**
 * Plain telephone of a person for a messenger, inside the product only: callers are jobs, never pages.
 * Undefined when none is known.
 */
export async function findPhoneForMessage(tx: Tx, ctx: Ctx, personId: string): Promise<string | undefined> {
  const row = await store.findPersonById(tx, ctx.tenantId, personId)
  return row?.phoneSealed ? ctx.kernel.vault.open(ctx.tenantId, cell(row.id, 'phone'), row.phoneSealed) : undefined
}
