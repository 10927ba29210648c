//! Example messages by mood, for the page and for `"mood"` in a request.

use serde::Serialize;

/// A named mood with a text that a customer in it might write.
#[derive(Serialize)]
pub struct Example {
    pub mood: &'static str,
    pub text: &'static str,
    /// Whether a picture comes with it.
    pub attachment: bool,
}

const fn example(mood: &'static str, text: &'static str) -> Example {
    Example {
        mood,
        text,
        attachment: false,
    }
}

/// All moods, in the order in which the page shows them.
pub const EXAMPLES: &[Example] = &[
    example("neutral", "This is a test message with neutral sentiment."),
    example(
        "angry",
        "Terrible service. I have been waiting for three days and nobody answers. I am furious!",
    ),
    example(
        "happy",
        "Thank you so much, your support was wonderful and solved it in minutes!",
    ),
    example("sarcastic", "Oh great, another delay. Thanks for nothing."),
    example("emoji", "😡😡💔"),
    example(
        "spanish",
        "Llevo tres días esperando una respuesta y nadie me contesta, esto es inaceptable.",
    ),
    example(
        "shouting",
        "WHERE IS MY ORDER??? THIS IS THE WORST SHOP EVER!!!",
    ),
    Example {
        mood: "attachment",
        text: "The parcel arrived broken, please look at the picture.",
        attachment: true,
    },
];

/// The example of a mood.
pub fn of_mood(mood: &str) -> Option<&'static Example> {
    EXAMPLES.iter().find(|e| e.mood == mood)
}
