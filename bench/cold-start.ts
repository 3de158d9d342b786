export const coldStart = async (_home: string): Promise<string> => ''
