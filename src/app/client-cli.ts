import { parseArgs } from 'node:util'
import { type Kernel, systemCtx } from '#kernel/context.ts'
import { newCode } from '#kernel/id.ts'
import { ensureClient, listClients, revokeClient } from '#modules/billing/index.ts'
import { describe } from './texts.ts'

const USAGE = `usage: yimen biller-client list
       yimen biller-client add BILLER NAME [--hourly N]           a biller's system that pushes bills to us: prints its secret once
       yimen biller-client connect BILLER NAME --url URL          the biller's system we ask and tell; its secret is read from the
                                                                  environment variable BILLER_SECRET
       yimen biller-client revoke BILLER NAME [--connect]         end credentials at once
`

export interface Surroundings {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly print?: (text: string) => unknown
  readonly complain?: (text: string) => unknown
}

const write = (stream: NodeJS.WriteStream) => (text: string) => void stream.write(text)

/** Credentials of billers' systems. Adding a name again gives it a new secret and voids the old one. Exit codes as of the command line. */
export async function runClients(
  kernel: Kernel,
  tenantId: number,
  argv: readonly string[],
  { env = process.env, print = write(process.stdout), complain = write(process.stderr) }: Surroundings = {},
): Promise<number> {
  const wrong = (why: string): number => {
    complain(`${why}\n${USAGE}`)
    return 2
  }
  let given: ReturnType<typeof read>
  try {
    given = read(argv)
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error))
  }
  const { act, billerId, clientId, values } = given
  const ctx = systemCtx(kernel, tenantId, 'operator')
  if (act === 'list') {
    for (const row of await listClients(ctx))
      print(
        `${row.billerId}  ${row.purpose === 'push' ? 'pushes' : `at ${row.baseUrl}`}  ${row.clientId}  ${row.revokedAt ? 'revoked' : 'in force'}\n`,
      )
    return 0
  }
  if (!billerId || !clientId) return wrong('name the biller and the client')
  const say = (result: Awaited<ReturnType<typeof ensureClient>>, done: string): number => {
    if (result.ok) print(`${done}\n`)
    else complain(`${describe(result.error, 'en') ?? result.error.code}\n`)
    return result.ok ? 0 : 1
  }
  if (act === 'add') {
    const hourly = values.hourly === undefined ? undefined : Number(values.hourly)
    if (hourly !== undefined && !(Number.isInteger(hourly) && hourly > 0)) return wrong('--hourly is a whole number above 0')
    const secret = newCode(kernel.random, 256)
    const client = { billerId, purpose: 'push' as const, clientId, secret, ...(hourly && { hourlyMax: hourly }) }
    return say(
      await ensureClient(ctx, client),
      `client ${clientId}\nsecret ${secret}\n  shown this once; hand it to ${billerId} by a safe way`,
    )
  }
  if (act === 'connect') {
    if (!values.url || !env.BILLER_SECRET) return wrong('--url and the environment variable BILLER_SECRET are needed')
    const client = { billerId, purpose: 'call' as const, clientId, secret: env.BILLER_SECRET, baseUrl: values.url }
    return say(await ensureClient(ctx, client), `${billerId} is asked and told at ${values.url}`)
  }
  if (act === 'revoke') {
    const purpose = values.connect ? ('call' as const) : ('push' as const)
    return say(await revokeClient(ctx, { billerId, purpose, clientId }), `${clientId} of ${billerId} is refused from now on`)
  }
  return wrong(`no such act: ${act ?? 'none'}`)
}

function read(argv: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: { hourly: { type: 'string' }, url: { type: 'string' }, connect: { type: 'boolean' } },
  })
  const [act, billerId, clientId, ...more] = positionals
  if (more.length > 0) throw new Error(`too many words: ${more.join(' ')}`)
  return { act, billerId, clientId, values }
}
