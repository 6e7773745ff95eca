import { fileURLToPath } from 'node:url'
import type { MigrationFolder } from '#kernel/db/migrate.ts'
import { moduleNames } from './module-names.ts'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** The kernel's migrations, then every module's in rank order. */
export const migrationFolders = (): MigrationFolder[] => [
  { module: 'kernel', dir: path('../kernel/migrations') },
  ...moduleNames.map(module => ({ module, dir: path(`../modules/${module}/migrations`) })),
]
