import { type Ctx, type Kernel, permit } from '#kernel/context.ts'
import type { Db } from '#kernel/db/index.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { errors } from '../errors.ts'
import { AREAS_MAX } from '../model.ts'
import * as store from '../store.ts'

/** Makes the tenant known or brings its names up to date. For start-up and the command line. */
export async function ensureTenant(kernel: Kernel, tenant: store.TenantRow): Promise<void> {
  await kernel.db.tx(tenant.id, tx => store.upsertTenant(tx, tenant, kernel.clock.now()))
}

/** Every sub-district of this installation; the table is a reference, not tied to one tenant. */
export const listTenants = (db: Db): Promise<store.TenantRow[]> => db.read(0, tx => store.listTenants(tx))

/** Adds areas or renames them; codes of 9, 12 or 15 digits. Returns how many. */
export async function importAreas(ctx: Ctx, areas: readonly store.AreaRow[]): Promise<Result<number>> {
  const may = permit(ctx, 'identity.area.write')
  if (!may.ok) return may
  const known = new Set(areas.map(area => area.code))
  const wrong = areas.find(area => !/^\d{9}(\d{3}){0,2}$/.test(area.code))
  if (wrong || known.size !== areas.length || areas.length > AREAS_MAX) return fail(errors.area_unknown, { code: wrong?.code ?? '' })
  return ctx.kernel.db.tx(ctx.tenantId, async tx => ok(await store.upsertAreas(tx, ctx.tenantId, areas)))
}

/** Public: names of places are on every form. Ordered by code, so that each area follows its parent. */
export const listAreas = (ctx: Ctx): Promise<store.AreaRow[]> =>
  ctx.kernel.db.read(ctx.tenantId, tx => store.listAreas(tx, ctx.tenantId, AREAS_MAX))
