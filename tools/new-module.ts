import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './root.ts'

/** Files of a module that records one kind of thing under a name: enough to run, to be read as an example, and to be changed. */
export function moduleFiles(name: string): ReadonlyMap<string, string> {
  const thing = name.replace(/s$/, '')
  const type = thing.charAt(0).toUpperCase() + thing.slice(1)
  return new Map([
    [
      'index.ts',
      `export { routes as ${name}Routes } from './routes.ts'
export { errors as ${name}Errors } from './errors.ts'
export { add${type}, get${type} } from './service.ts'
export type { ${type} } from './model.ts'
`,
    ],
    [
      'model.ts',
      `export interface ${type} {
  readonly id: string
  readonly title: string
}

/** Title as it is kept: without blank ends; undefined when nothing is left. */
export const cleanTitle = (title: string): string | undefined => title.trim() || undefined
`,
    ],
    [
      'errors.ts',
      `import { defineErrors } from '#kernel/result.ts'

export const errors = defineErrors('${name}', {
  title_missing: 400,
  not_found: 404,
})
`,
    ],
    [
      'events.ts',
      `import { z } from 'zod'
import { defineEvent } from '#modules/trail/index.ts'

export const ${thing}Added = defineEvent({ type: '${name}.${thing}_added', version: 1, subject: '${thing}', body: z.object({ title: z.string() }) })
`,
    ],
    [
      'messages.zh-CN.ts',
      `export const messages = {
  '${name}.title_missing': '请填写名称。',
  '${name}.not_found': '没有找到。',
} as const
`,
    ],
    [
      'messages.en.ts',
      `import type { messages as zh } from './messages.zh-CN.ts'

export const messages: Record<keyof typeof zh, string> = {
  '${name}.title_missing': 'Please give a title.',
  '${name}.not_found': 'Not found.',
}
`,
    ],
    [
      'contract.ts',
      `import { z } from 'zod'
import { accessErrors } from '#kernel/context.ts'
import { defineContract } from '#kernel/http/contract.ts'
import { errors } from './errors.ts'

const shape = z.object({ id: z.uuid(), title: z.string() })

export const contract = defineContract({
  add: {
    method: 'POST',
    path: '/${name}',
    summary: 'Add one',
    permission: '${name}.${thing}.add',
    body: z.strictObject({ title: z.string().min(1).max(100) }),
    response: shape,
    errors: [errors.title_missing, accessErrors.sign_in_first, accessErrors.denied],
  },
  get: {
    method: 'GET',
    path: '/${name}/:id',
    summary: 'One by its id',
    permission: '${name}.${thing}.read',
    params: z.object({ id: z.uuid() }),
    response: shape,
    errors: [errors.not_found, accessErrors.sign_in_first, accessErrors.denied],
  },
})
`,
    ],
    [
      'routes.ts',
      `import { route } from '#kernel/http/contract.ts'
import { contract } from './contract.ts'
import { add${type}, get${type} } from './service.ts'

export const routes = {
  add: route(contract.add, (ctx, { body }) => add${type}(ctx, body)),
  get: route(contract.get, (ctx, { params }) => get${type}(ctx, params.id)),
}
`,
    ],
    [
      'service.ts',
      `import { type Ctx, makeId, permit } from '#kernel/context.ts'
import { fail, ok, type Result } from '#kernel/result.ts'
import { append } from '#modules/trail/index.ts'
import { errors } from './errors.ts'
import { ${thing}Added } from './events.ts'
import { cleanTitle, type ${type} } from './model.ts'
import * as store from './store.ts'

export async function add${type}(ctx: Ctx, input: { readonly title: string }): Promise<Result<${type}>> {
  const allowed = permit(ctx, '${name}.${thing}.add')
  if (!allowed.ok) return allowed
  const title = cleanTitle(input.title)
  if (!title) return fail(errors.title_missing)
  const ${thing}: ${type} = { id: makeId(ctx), title }
  await ctx.kernel.db.tx(ctx.tenantId, async tx => {
    await store.insert${type}(tx, ctx.tenantId, ${thing}, ctx.kernel.clock.now())
    await append(tx, ctx, ${thing}Added, { subjectId: ${thing}.id, body: { title } })
  })
  return ok(${thing})
}

export async function get${type}(ctx: Ctx, id: string): Promise<Result<${type}>> {
  const allowed = permit(ctx, '${name}.${thing}.read')
  if (!allowed.ok) return allowed
  const found = await ctx.kernel.db.read(ctx.tenantId, tx => store.find${type}(tx, ctx.tenantId, id))
  return found ? ok(found) : fail(errors.not_found)
}
`,
    ],
    [
      'store.ts',
      `import { sql, type Tx } from '#kernel/db/index.ts'
import type { ${type} } from './model.ts'

export const insert${type} = (tx: Tx, tenantId: number, ${thing}: ${type}, at: Date) =>
  tx.run(sql\`insert into ${name}.${thing} (tenant_id, id, title, added_at) values (\${tenantId}, \${${thing}.id}, \${${thing}.title}, \${at})\`)

export const find${type} = (tx: Tx, tenantId: number, id: string) =>
  tx.maybe<${type}>(sql\`select id, title from ${name}.${thing} where tenant_id = \${tenantId} and id = \${id}\`)
`,
    ],
    [
      `migrations/0001_${name}.sql`,
      `create schema ${name};
grant usage on schema ${name} to yimen_app;

create table ${name}.${thing} (
  tenant_id integer not null,
  id uuid not null,
  title text not null check (char_length(title) between 1 and 100),
  added_at timestamptz not null,
  primary key (tenant_id, id)
);
comment on table ${name}.${thing} is 'what it holds, in one line';
grant select, insert on ${name}.${thing} to yimen_app;
`,
    ],
    [
      'test/service.test.ts',
      `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testCtx, withTestDb } from '#kernel/db/testing.ts'
import { add${type}, get${type} } from '../service.ts'

test('what was added is found again in its tenant only', async () => {
  await withTestDb(async kernel => {
    const permissions = new Set(['${name}.${thing}.add', '${name}.${thing}.read'])
    const added = await add${type}(testCtx(kernel, { permissions }), { title: ' 甲 ' })
    assert.ok(added.ok)
    assert.equal(added.value.title, '甲')
    assert.deepEqual(await get${type}(testCtx(kernel, { permissions }), added.value.id), added)
    assert.equal((await get${type}(testCtx(kernel, { permissions }, 2), added.value.id)).ok, false)
  })
})

test('without the permission nothing is added', async () => {
  await withTestDb(async kernel => {
    const refused = await add${type}(testCtx(kernel), { title: '甲' })
    assert.ok(!refused.ok)
    assert.equal(refused.error.code, 'access.denied')
  })
})
`,
    ],
    [
      'README.md',
      `# ${name}

One line: what this module is for.

**Owns** \`${name}.${thing}\`.
**Events out** \`${name}.${thing}_added\`.
**Invariants** none beyond the keys.
`,
    ],
  ])
}

/** Exit code 0 made, 1 exists already, 2 wrong use. */
function main(name: string | undefined): number {
  if (!name || !/^[a-z]{3,20}$/.test(name)) {
    process.stderr.write('usage: yimen dev new-module NAME   (3 to 20 small letters, plural, e.g. matters)\n')
    return 2
  }
  const dir = join(root, 'src/modules', name)
  if (existsSync(dir)) {
    process.stderr.write(`src/modules/${name} exists\n`)
    return 1
  }
  for (const [path, text] of moduleFiles(name)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
  spawnSync(process.execPath, [join(root, 'node_modules/.bin/biome'), 'check', '--write', dir], { cwd: root })
  process.stdout.write(
    `src/modules/${name} is laid out. Now:\n  1. put '${name}' into src/app/module-names.ts at its rank\n  2. put its routes into src/app/modules.ts\n  3. npm test -- ${name}\n  4. node bin/yimen.mjs dev snapshots\n`,
  )
  return 0
}

if (import.meta.main) process.exitCode = main(process.argv[2])
