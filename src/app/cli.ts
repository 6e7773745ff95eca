import { parseArgs } from 'node:util'
import { ConfigError, publicUrl, readConfig } from '#kernel/config.ts'
import { type Kernel, systemCtx } from '#kernel/context.ts'
import { DataInUse } from '#kernel/db/data-lock.ts'
import { listBillers } from '#modules/billing/index.ts'
import { createStaff, resetStaffByOperator, roles } from '#modules/identity/index.ts'
import { doctor } from './doctor.ts'
import { serve } from './main.ts'
import { declaredBillers } from './settings.ts'
import { describe } from './texts.ts'
import { openKernel, TENANT } from './up.ts'
import { pinnedKeysFile, verifyFile } from './verify.ts'

const USAGE = `yimen <command>

  up                      start the product (database, sandbox, demo town) and print the addresses
  migrate                 bring the database up to date
  import bills|past       --biller B FILE [--mapping M] [--dry-run] [--json]; --help says more
  config export|import|versions   configuration as a file, from one installation to another; --help says more
  shadow FILE             --biller B --day D [--mapping M] [--json]: compare a day of the system before with ours; without FILE how the days stand
  reconcile FILE          --channel wechat|alipay --day D | --biller B --day D | --bank [--json]: compare a statement with the books
  biller-client           list | add | connect | revoke: credentials of billers' systems
  staff-add NAME ROLE FULL-NAME [BILLER]
                                  open a staff account, print its password and authenticator once
  staff-reset NAME        void a staff account's password and authenticator, print a one-time enrolment code
  verify FILE             check a receipt or checkpoint offline [--keys FILE] [--lang zh|en] [--json]
  doctor                  check the books and the trail [--json]
`

/** The exit code of `work` on the opened database; asked for help, only how the command is used, which needs no database. */
async function withKernel(work: (kernel: Kernel) => Promise<number>, argv: readonly string[] = [], usage = ''): Promise<number> {
  if (usage && argv.includes('--help')) {
    process.stdout.write(usage)
    return 0
  }
  const { kernel, close } = await openKernel(readConfig())
  try {
    return await work(kernel)
  } finally {
    await close()
  }
}

/** Exit codes: 0 done, 1 failed, 2 wrong use. */
async function run(argv: readonly string[]): Promise<number | undefined> {
  const [command = 'up', ...rest] = argv
  switch (command) {
    case 'up':
      await serve(readConfig())
      return undefined
    case 'migrate':
      await (await openKernel(readConfig())).close()
      process.stdout.write('the database is up to date\n')
      return 0
    case 'import': {
      if (rest.includes('--help')) return helpImport(rest)
      const { runImport } = await import('./import-cli.ts')
      return withKernel(kernel => runImport(kernel, TENANT, rest))
    }
    case 'reconcile': {
      const { RECONCILE_USAGE, runReconcile } = await import('./reconcile-cli.ts')
      return withKernel(kernel => runReconcile(kernel, TENANT, rest), rest, RECONCILE_USAGE)
    }
    case 'config': {
      const { CONFIG_USAGE, runConfig } = await import('./config-cli.ts')
      return withKernel(kernel => runConfig(kernel, TENANT, rest, declaredBillers(kernel.config.dataDir)), rest, CONFIG_USAGE)
    }
    case 'shadow': {
      const { runShadow, SHADOW_USAGE } = await import('./shadow-cli.ts')
      return withKernel(kernel => runShadow(kernel, TENANT, rest), rest, SHADOW_USAGE)
    }
    case 'biller-client': {
      const { runClients } = await import('./client-cli.ts')
      return withKernel(kernel => runClients(kernel, TENANT, rest))
    }
    case 'staff-add':
      return addStaff(rest)
    case 'staff-reset':
      return resetStaff(rest)
    case 'verify':
      return runVerify(rest)
    case 'doctor':
      return doctor(readConfig(), rest.includes('--json'))
    case 'help':
    case '--help':
      process.stdout.write(USAGE)
      return 0
    default:
      process.stderr.write(`unknown command: ${command}\n\n${USAGE}`)
      return 2
  }
}

/** The words alone need no database; the columns of a biller do. */
async function helpImport(argv: readonly string[]): Promise<number> {
  const { describeLayout, IMPORT_USAGE } = await import('./import-cli.ts')
  const options = { biller: { type: 'string' } } as const
  const billerId = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true }).values.biller
  process.stdout.write(IMPORT_USAGE)
  if (typeof billerId !== 'string') return 0
  return withKernel(kernel => describeLayout(kernel, TENANT, billerId))
}

async function addStaff([username, role, name, billerId, ...more]: readonly string[]): Promise<number> {
  const chosen = roles.find(known => known === role)
  if (
    !username ||
    !/^[a-z][a-z0-9.-]{1,30}$/.test(username) ||
    !chosen ||
    !name ||
    more.length > 0 ||
    (role === 'biller') !== (billerId !== undefined)
  ) {
    process.stderr.write(
      `usage: yimen staff-add NAME ROLE FULL-NAME [BILLER]\n  NAME: letters, digits, dots and hyphens. ROLE: ${roles.join(', ')}. BILLER: its id, for the role biller\n`,
    )
    return 2
  }
  return withKernel(async kernel => {
    const ctx = systemCtx(kernel, TENANT, 'operator')
    if (billerId && !(await listBillers(ctx)).some(biller => biller.id === billerId)) {
      process.stderr.write(`no biller has the id ${billerId}\n`)
      return 1
    }
    const made = await createStaff(ctx, { username, role: chosen, name, ...(billerId && { billerId }) })
    if (made.ok) process.stdout.write(`password ${made.value.password}\nauthenticator ${made.value.totpSecret}\n  shown this once\n`)
    else process.stderr.write(`${describe(made.error, 'en') ?? made.error.code}\n`)
    return made.ok ? 0 : 1
  })
}

async function resetStaff([username, ...more]: readonly string[]): Promise<number> {
  if (!username || more.length > 0) {
    process.stderr.write('usage: yimen staff-reset NAME\n')
    return 2
  }
  return withKernel(async kernel => {
    const code = await resetStaffByOperator(kernel, TENANT, username)
    if (code)
      process.stdout.write(`enrolment code ${code}\n  for ${username} at ${publicUrl(kernel.config)}/staff/enrol, once, within 24 hours\n`)
    else process.stderr.write(`no open staff account is named ${username}\n`)
    return code ? 0 : 1
  })
}

/** The language of the terminal, unless one is asked for. */
const terminalLang = (env: NodeJS.ProcessEnv): string => env.LC_ALL || env.LC_MESSAGES || env.LANG || ''

function runVerify(argv: readonly string[]): number {
  const option = (name: string): string | undefined => (argv.includes(name) ? argv[argv.indexOf(name) + 1] : undefined)
  const keysFile = argv.includes('--keys') ? option('--keys') : pinnedKeysFile(readConfig())
  const taken = ['--keys', '--lang'].filter(name => argv.includes(name)).map(name => argv.indexOf(name) + 1)
  const file = argv.find((arg, i) => !arg.startsWith('--') && !taken.includes(i))
  const lang = option('--lang') ?? (argv.includes('--lang') ? '' : terminalLang(process.env))
  if (!file || !keysFile || (argv.includes('--lang') && !/^(zh|en)/i.test(lang))) {
    process.stderr.write('usage: yimen verify FILE [--keys FILE] [--lang zh|en] [--json]\n')
    return 2
  }
  return verifyFile(file, { keysFile, json: argv.includes('--json'), lang: /^zh/i.test(lang) ? 'zh-CN' : 'en' })
}

try {
  const code = await run(process.argv.slice(2))
  if (code !== undefined) process.exit(code)
} catch (error) {
  if (error instanceof ConfigError || error instanceof DataInUse) {
    process.stderr.write(`${error.message}\n`)
    process.exit(error instanceof ConfigError ? 2 : 1)
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}
