import type { Ctx } from '#kernel/context.ts'
import { unwrap } from '#kernel/result.ts'
import { setAreaRule } from '#modules/billing/index.ts'
import { importAreas, listAreas, registerHousehold, registerPerson } from '#modules/identity/index.ts'
import { town } from './content.ts'
import { addressOf, type Household } from './households.ts'

const AT_ONCE = 8

/**
 * The sub-district, its communities and their grid cells as areas, and every household with its head in the cell of its
 * estate. Nothing is added to a tenant that has areas. The head of the first can sign in by `phone`.
 * Answers how many households were placed.
 */
export async function placeHouseholds(ctx: Ctx, households: readonly Household[], phone: string): Promise<number> {
  if ((await listAreas(ctx)).length > 0) return 0
  const areas = [town.subdistrict, ...town.communities, ...town.cells]
  unwrap(
    await importAreas(
      ctx,
      areas.map(({ code, zh, en }) => ({ code, nameZh: zh, nameEn: en })),
    ),
  )
  const communities = new Map(town.communities.map(({ id, code }) => [id, code]))
  // Billers tell addresses: how those of each estate begin says in which community they lie.
  for (const { zh, community } of town.estates) unwrap(await setAreaRule(ctx, { prefix: zh, areaCode: communities.get(community) ?? '' }))
  const codeOf = new Map(town.cells.map(cell => [cell.id, cell.code]))
  const queue = [...households]
  const place = async (): Promise<void> => {
    for (let home = queue.shift(); home; home = queue.shift()) {
      const areaCode = codeOf.get(home.estate.cell)
      if (!areaCode) throw new Error(`no cell ${home.estate.cell} for ${home.estate.zh}`)
      const head = unwrap(await registerPerson(ctx, { name: home.name, areaCode, ...(home === households[0] && { phone }) }))
      unwrap(await registerHousehold(ctx, { address: addressOf(home), areaCode, members: [{ personId: head.id, relation: 'head' }] }))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, place))
  return households.length
}
