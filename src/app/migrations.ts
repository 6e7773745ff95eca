import { type MigrationFolder, moduleFolders } from '#kernel/db/migrate.ts'
import { moduleNames } from './module-names.ts'

/** The kernel's migrations, then every module's in rank order. */
export const migrationFolders = (): MigrationFolder[] => moduleFolders(moduleNames)
