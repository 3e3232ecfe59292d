/** The platform in the name of the native module, as napi-rs writes it: `linux-x64-gnu`. */
export function platform(): string {
  const base = `${process.platform}-${process.arch}`
  switch (process.platform) {
    case 'linux':
      return `${base}-${isMusl() ? 'musl' : 'gnu'}`
    case 'win32':
      return `${base}-msvc`
    default:
      return base
  }
}

function isMusl(): boolean {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean }
  const { excludeNetwork = false } = report
  // Otherwise the report looks up the names of open connections.
  report.excludeNetwork = true
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } }
    return header?.glibcVersionRuntime === undefined
  } finally {
    report.excludeNetwork = excludeNetwork
  }
}
