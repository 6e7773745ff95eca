import { type Ctx, permit } from '#kernel/context.ts'
import { isUuid } from '#kernel/id.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { listAbout, type TrailEntry } from '#modules/trail/index.ts'
import { errors } from '../errors.ts'
import { personRead, personUnmasked } from '../events.ts'
import { type Masked, maskedName, type Role } from '../model.ts'
import * as store from '../store.ts'

/** Somebody on the staff as the people they serve see them: the office they hold, the name masked. */
export interface Reader {
  readonly role: Role
  readonly nameMasked: Masked
}

const READERS_MAX = 200

/** Offices of members of staff, also of closed accounts. For residents, about whoever read what is theirs or comes to help them. */
export async function listReaders(ctx: Ctx, staffIds: readonly string[]): Promise<Result<Map<string, Reader>>> {
  const isServed = ['resident', 'anonymous', 'device'].includes(ctx.actor.kind)
  const may = isServed ? ok(undefined) : permit(ctx, 'identity.staff.read')
  if (!may.ok) return may
  const ids = [...new Set(staffIds)].filter(isUuid).slice(0, READERS_MAX)
  const rows = await ctx.kernel.db.read(ctx.tenantId, tx => store.listStaffByIds(tx, ctx.tenantId, ids))
  return ok(new Map(rows.map(row => [row.id, { role: row.role, nameMasked: maskedName(row.name) }])))
}

/** Newest entries of staff reading a person's data; for that person, and for who may read the trail. */
export async function listReadings(ctx: Ctx, personId: string): Promise<Result<TrailEntry[]>> {
  const isOwn = ctx.actor.kind === 'resident' && ctx.actor.id === personId
  const may = isOwn ? ok(undefined) : permit(ctx, 'trail.entry.read')
  if (!may.ok) return may
  if (!isUuid(personId)) return fail(errors.person_not_found)
  const types = [personRead.type, personUnmasked.type]
  return ok(await listAbout(ctx.kernel.db, ctx.tenantId, { types, subjectKind: personRead.subject, subjectIds: [personId] }))
}
