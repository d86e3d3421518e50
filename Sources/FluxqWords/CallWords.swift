package import FluxqModel

extension CallCode: WordedCode {
    package var words: String {
        switch self {
        case .stoppedWhileWaiting: "fluxqd was stopped while it waited for the answer."
        case .stoppedWhileReceiving: "fluxqd was stopped while it received the answer."
        case .noEndpoint(let name): "fluxqd has no endpoint named \(name) any more."
        case .damagedInput:
            "the picture that the job edits is damaged in the archive and was moved to quarantine. Submit the job again "
                + "with the picture."
        case .unreadableInput(let why): "fluxqd could not read the job's picture: \(why)"
        case .notSentInFull(let trouble):
            "\(trouble.words) The request had not been sent in full, so nothing was billed."
        case .noUsablePicture: "The API answers without a usable picture."
        }
    }
}

extension CallTrouble {
    /// Why an answer was cut off: part of a sentence.
    package var phrase: String {
        guard case .code(let code) = self, code.words.hasSuffix(".") else { return words }
        return String(code.words.dropLast())
    }
}

extension CallFailure: WordedCode {
    package var words: String {
        switch self {
        case .noPicture(let said):
            "The API answered without a picture\(said.isEmpty ? "" : ": " + said.joined(separator: "; ")). The call was "
                + "billed. The job's ledger has the answer; a retry buys it again."
        case .unsendable(let error): "The request could not be sent: \(error.message.sentence) Nothing was billed."
        case .rejected(let error):
            "The API rejected the request: \(error.message.sentence) Nothing was billed. Correct that, then submit it "
                + "again."
        case .moderated(let error):
            "The API's content filter rejected the prompt or the picture: \(error.message.sentence) Nothing was billed."
        case .serverError(let error): error.message.sentence
        case .hostFailed(let trouble): trouble.words
        case .unknown(let error):
            "The result of the call is unknown; it may have been billed: \(error.message.sentence)"
        }
    }
}
