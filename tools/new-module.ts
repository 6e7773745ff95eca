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
      `export { routes as ${name}Routes } from './routes.ts'\nexport { errors as ${name}Errors } from './errors.ts'\nexport { add${type}, get${type} } from './service.ts'\nexport type { ${type} } from './model.ts'\n`,
    ],
    [
      'model.ts',
      `export interface ${type} {\n  readonly id: string\n  readonly title: string\n}\n\n/** Title as it is kept: without blank ends; undefined when nothing is left. */\nexport const cleanTitle = (title: string): string | undefined => title.trim() || undefined\n`,
    ],
    [
      'errors.ts',
      `import { defineErrors } from '#kernel/result.ts'\n\nexport const errors = defineErrors('${name}', {\n  title_missing: 400,\n  not_found: 404,\n})\n`,
    ],
    [
      'events.ts',
      `import { z } from 'zod'\nimport { defineEvent } from '#modules/trail/index.ts'\n\nexport const ${thing}Added = defineEvent({ type: '${name}.${thing}_added', version: 1, subject: '${thing}', body: z.object({ title: z.string() }) })\n`,
    ],
    [
      'messages.zh-CN.ts',
      `export const messages = {\n  '${name}.title_missing': '请填写名称。',\n  '${name}.not_found': '没有找到。',\n} as const\n`,
    ],
    [
      'messages.en.ts',
      `import type { messages as zh } from './messages.zh-CN.ts'\n\nexport const messages: Record<keyof typeof zh, string> = {\n  '${name}.title_missing': 'Please give a title.',\n  '${name}.not_found': 'Not found.',\n}\n`,
    ],
    [
      'contract.ts',
      `import { z } from 'zod'\nimport { accessErrors } from '#kernel/context.ts'\nimport { defineContract } from '#kernel/http/contract.ts'\nimport { errors } from './errors.ts'\n\nconst shape = z.object({ id: z.uuid(), title: z.string() })\n\nexport const contract = defineContract({\n  add: {\n    method: 'POST',\n    path: '/${name}',\n    summary: 'Add one',\n    permission: '${name}.${thing}.add',\n    body: z.strictObject({ title: z.string().min(1).max(100) }),\n    response: shape,\n    errors: [errors.title_missing, accessErrors.sign_in_first, accessErrors.denied],\n  },\n  get: {\n    method: 'GET',\n    path: '/${name}/:id',\n    summary: 'One by its id',\n    permission: '${name}.${thing}.read',\n    params: z.object({ id: z.uuid() }),\n    response: shape,\n    errors: [errors.not_found, accessErrors.sign_in_first, accessErrors.denied],\n  },\n})\n`,
    ],
    [
      'routes.ts',
      `import { route } from '#kernel/http/contract.ts'\nimport { contract } from './contract.ts'\nimport { add${type}, get${type} } from './service.ts'\n\nexport const routes = {\n  add: route(contract.add, (ctx, { body }) => add${type}(ctx, body)),\n  get: route(contract.get, (ctx, { params }) => get${type}(ctx, params.id)),\n}\n`,
    ],
    [
      'service.ts',
      `import { type Ctx, makeId, permit } from '#kernel/context.ts'\nimport { fail, ok, type Result } from '#kernel/result.ts'\nimport { append } from '#modules/trail/index.ts'\nimport { errors } from './errors.ts'\nimport { ${thing}Added } from './events.ts'\nimport { cleanTitle, type ${type} } from './model.ts'\nimport * as store from './store.ts'\n\nexport async function add${type}(ctx: Ctx, input: { readonly title: string }): Promise<Result<${type}>> {\n  const allowed = permit(ctx, '${name}.${thing}.add')\n  if (!allowed.ok) return allowed\n  const title = cleanTitle(input.title)\n  if (!title) return fail(errors.title_missing)\n  const ${thing}: ${type} = { id: makeId(ctx), title }\n  await ctx.kernel.db.tx(ctx.tenantId, async tx => {\n    await store.insert${type}(tx, ctx.tenantId, ${thing}, ctx.kernel.clock.now())\n    await append(tx, ctx, ${thing}Added, { subjectId: ${thing}.id, body: { title } })\n  })\n  return ok(${thing})\n}\n\nexport async function get${type}(ctx: Ctx, id: string): Promise<Result<${type}>> {\n  const allowed = permit(ctx, '${name}.${thing}.read')\n  if (!allowed.ok) return allowed\n  const found = await ctx.kernel.db.read(ctx.tenantId, tx => store.find${type}(tx, ctx.tenantId, id))\n  return found ? ok(found) : fail(errors.not_found)\n}\n`,
    ],
    [
      'store.ts',
      `import { sql, type Tx } from '#kernel/db/index.ts'\nimport type { ${type} } from './model.ts'\n\nexport const insert${type} = (tx: Tx, tenantId: number, ${thing}: ${type}, at: Date) =>\n  tx.run(sql\`insert into ${name}.${thing} (tenant_id, id, title, added_at) values (\${tenantId}, \${${thing}.id}, \${${thing}.title}, \${at})\`)\n\nexport const find${type} = (tx: Tx, tenantId: number, id: string) =>\n  tx.maybe<${type}>(sql\`select id, title from ${name}.${thing} where tenant_id = \${tenantId} and id = \${id}\`)\n`,
    ],
    [
      `migrations/0001_${name}.sql`,
      `create schema ${name};\ngrant usage on schema ${name} to yimen_app;\n\ncreate table ${name}.${thing} (\n  tenant_id integer not null,\n  id uuid not null,\n  title text not null check (char_length(title) between 1 and 100),\n  added_at timestamptz not null,\n  primary key (tenant_id, id)\n);\ncomment on table ${name}.${thing} is 'what it holds, in one line';\ngrant select, insert on ${name}.${thing} to yimen_app;\n`,
    ],
    [
      'test/service.test.ts',
      `import assert from 'node:assert/strict'\nimport { test } from 'node:test'\nimport { testCtx, withTestDb } from '#kernel/db/testing.ts'\nimport { add${type}, get${type} } from '../service.ts'\n\ntest('what was added is found again in its tenant only', async () => {\n  await withTestDb(async kernel => {\n    const permissions = new Set(['${name}.${thing}.add', '${name}.${thing}.read'])\n    const added = await add${type}(testCtx(kernel, { permissions }), { title: ' 甲 ' })\n    assert.ok(added.ok)\n    assert.equal(added.value.title, '甲')\n    assert.deepEqual(await get${type}(testCtx(kernel, { permissions }), added.value.id), added)\n    assert.equal((await get${type}(testCtx(kernel, { permissions }, 2), added.value.id)).ok, false)\n  })\n})\n\ntest('without the permission nothing is added', async () => {\n  await withTestDb(async kernel => {\n    const refused = await add${type}(testCtx(kernel), { title: '甲' })\n    assert.ok(!refused.ok)\n    assert.equal(refused.error.code, 'access.denied')\n  })\n})\n`,
    ],
    [
      'README.md',
      `# ${name}\n\nOne line: what this module is for.\n\n**Owns** \`${name}.${thing}\`.\n**Events out** \`${name}.${thing}_added\`.\n**Invariants** none beyond the keys.\n`,
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
  process.stdout.write(
    `src/modules/${name} is laid out. Now:\n  1. put '${name}' into src/app/module-names.ts at its rank\n  2. put its routes into src/app/modules.ts\n  3. npm test -- ${name}\n  4. node bin/yimen.mjs dev snapshots\n`,
  )
  return 0
}

if (import.meta.main) process.exitCode = main(process.argv[2])
